import type { JsonObject } from '../../engine.ts'
import { isList, isObject, unsupported } from '../../fields.ts'

/** What would need something kept between requests, or a service that a vendor hosts. */
const STATEFUL = ['previous_response_id', 'conversation', 'prompt'] as const
const CLIENT_TOOLS: ReadonlySet<unknown> = new Set(['function', 'custom'])

/** @throws EngineError `unsupported_parameter` */
export function refuseState(body: JsonObject): void {
  for (const name of STATEFUL) {
    if ((body[name] ?? null) !== null) {
      throw unsupported(name, `'${name}' is not supported: this gateway stores nothing`)
    }
  }
  if (body['background'] === true) {
    throw unsupported('background', `'background' is not supported: this gateway stores nothing`)
  }
  if (body['truncation'] === 'auto') {
    throw unsupported('truncation', `'truncation' takes 'disabled' only`)
  }
  const tools = body['tools'] ?? []
  for (const tool of isList(tools) ? tools : []) {
    if (isObject(tool) && !CLIENT_TOOLS.has(tool['type'])) {
      throw unsupported('tools', `tools that a vendor hosts are not supported, functions are`)
    }
  }
}
