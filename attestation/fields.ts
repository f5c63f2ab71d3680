import { type Bytes, fromBase64 } from '#base/bytes.ts'
import { demand, parsing } from './errors.ts'

/** Readers of unknown JSON: each narrows one value, bounds it, and throws AttestationError otherwise. */

export type JsonObject = Readonly<Record<string, unknown>>

export function objectField(value: unknown, what: string): JsonObject {
  const isObject = typeof value === 'object' && value !== null && !Array.isArray(value)
  demand(isObject, 'parse', `${what} is not an object`)
  // Sound: checked just above; values stay unknown.
  return value as JsonObject
}

export function arrayField(value: unknown, what: string, max: number): readonly unknown[] {
  demand(Array.isArray(value), 'parse', `${what} is not a list`)
  demand(value.length <= max, 'too-large', `${what} has more than ${max} entries`)
  return value
}

export function textField(value: unknown, what: string, maxChars: number): string {
  demand(typeof value === 'string', 'parse', `${what} is not a string`)
  demand(value.length <= maxChars, 'too-large', `${what} has more than ${maxChars} characters`)
  return value
}

/** Standard base64 of at most `maxBytes`; the cap is checked before decoding. */
export function base64Field(value: unknown, what: string, maxBytes: number): Bytes {
  const text = textField(value, what, Math.ceil(maxBytes / 3) * 4)
  return parsing(what, () => fromBase64(text))
}

/** The value read by `read`, or undefined when the member is absent or null. */
export function optionalField<T>(value: unknown, read: (value: unknown) => T): T | undefined {
  return value === undefined || value === null ? undefined : read(value)
}
