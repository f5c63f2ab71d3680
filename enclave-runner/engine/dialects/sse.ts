import type { JsonObject } from '../engine.ts'
import { EngineError } from '../engine-error.ts'
import { isObject } from '../fields.ts'

/** An event without a name, as chat streams have them. */
export function dataEvent(payload: JsonObject): string {
  return `data: ${JSON.stringify(payload)}\n\n`
}

/** An event that is named after its payload's `type`, as Responses and Messages streams have them. */
export function namedEvent(payload: JsonObject & { readonly type: string }): string {
  return `event: ${payload.type}\n${dataEvent(payload)}`
}

/** @throws EngineError when an engine yields anything but an object */
export function parseChunk(data: string): JsonObject {
  const chunk: unknown = JSON.parse(data)
  if (!isObject(chunk)) throw new EngineError('engine_failed', 'the engine sent a malformed event')
  return chunk
}
