import type { JsonObject } from '../../engine.ts'
import { isList, isObject, unsupported } from '../../fields.ts'

/** What Anthropic hosts and this gateway does not. */
const HOSTED = ['container', 'mcp_servers', 'context_management'] as const

/**
 * Refuses what would send a model, or what it was told, elsewhere (H13), whoever reads the request further.
 * @throws EngineError `unsupported_parameter`
 */
export function refuseHosted(body: JsonObject): void {
  for (const name of HOSTED) {
    if ((body[name] ?? null) !== null) throw unsupported(name, `'${name}' is not supported`)
  }
  const tools = body['tools'] ?? []
  for (const tool of isList(tools) ? tools : []) {
    if (isObject(tool) && (tool['type'] ?? 'custom') !== 'custom') {
      throw unsupported('tools', `tools that a vendor hosts are not supported, your own are`)
    }
  }
}
