import type { Json } from '#base/jcs.ts'
import type { JsonObject } from './engine.ts'
import { EngineError } from './engine-error.ts'

/** Narrowing readers for request fields. `null` counts as absent, as OpenAI treats it. */

export function isObject(value: unknown): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

export function isList(value: Json | undefined): value is readonly Json[] {
  return Array.isArray(value)
}

/** A finite number within [min, max]. @throws EngineError invalid_request */
export function numberField(
  body: JsonObject,
  key: string,
  min: number,
  max: number,
): number | undefined {
  const value = body[key] ?? undefined
  if (value === undefined) return undefined
  if (typeof value !== 'number' || !(value >= min && value <= max)) {
    throw invalid(key, `'${key}' must be a number from ${min} to ${max}`)
  }
  return value
}

/** A whole number within [min, max]. @throws EngineError invalid_request */
export function integerField(
  body: JsonObject,
  key: string,
  min: number,
  max: number,
): number | undefined {
  const value = numberField(body, key, min, max)
  if (value !== undefined && !Number.isInteger(value)) {
    throw invalid(key, `'${key}' must be a whole number`)
  }
  return value
}

/** @throws EngineError invalid_request */
export function objectField(body: JsonObject, key: string): JsonObject | undefined {
  const value = body[key] ?? undefined
  if (value !== undefined && !isObject(value)) throw invalid(key, `'${key}' must be an object`)
  return value
}

/** @throws EngineError invalid_request */
export function booleanField(body: JsonObject, key: string): boolean | undefined {
  const value = body[key] ?? undefined
  if (value !== undefined && typeof value !== 'boolean') {
    throw invalid(key, `'${key}' must be true or false`)
  }
  return value
}

/** A text of a block within `param`, empty where there is none. @throws EngineError invalid_request */
export function textOf(block: JsonObject, key: string, param: string): string {
  const value = block[key] ?? ''
  if (typeof value !== 'string') throw invalid(param, `'${key}' must be a text`)
  return value
}

export function invalid(param: string, message: string): EngineError {
  return new EngineError('invalid_request', message, { param })
}

export function unsupported(param: string, message: string): EngineError {
  return new EngineError('unsupported_parameter', message, { param })
}
