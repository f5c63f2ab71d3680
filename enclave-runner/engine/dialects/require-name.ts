import type { JsonObject } from '../engine.ts'
import { invalid } from '../fields.ts'

/** The name by which the model calls a tool. @throws EngineError invalid_request */
export function requireName({ name }: JsonObject): string {
  if (typeof name === 'string' && name !== '') return name
  throw invalid('tools', `each of 'tools' must have a name`)
}
