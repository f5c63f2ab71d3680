import { type UnixSeconds, unixSeconds } from '#base/brand.ts'
import { type Bytes, fromHex } from '#base/bytes.ts'
import { AttestationError, demand, parsing } from '../errors.ts'
import { arrayField, type JsonObject, optionalField, textField } from '../fields.ts'

/** Readers of single fields in Intel's signed JSON; each accepts the documented form only. */

const MAX_LABEL_CHARS = 64
const MAX_ADVISORIES = 256
const MAX_LEVELS = 256
const ADVISORY = /^INTEL-SA-[0-9]{1,6}$/
const TIME = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/

export function labelField(object: JsonObject, key: string): string {
  return textField(object[key], key, MAX_LABEL_CHARS)
}

/** A whole number in 0..max. */
export function countField(object: JsonObject, key: string, max: number): number {
  const value = object[key]
  const whole = typeof value === 'number' && Number.isInteger(value) && value >= 0 && value <= max
  demand(whole, 'parse', `${key} is not a number in 0..${max}`)
  return value
}

export function hexField(object: JsonObject, key: string, length: number): Bytes {
  const text = textField(object[key], key, 2 * length)
  const bytes = parsing(key, () => fromHex(text, { anyCase: true }))
  demand(bytes.length === length, 'parse', `${key} of ${bytes.length} bytes`)
  return bytes
}

/** "2026-01-12T15:46:45Z" */
export function timeField(object: JsonObject, key: string): UnixSeconds {
  const text = labelField(object, key)
  const ms = TIME.test(text) ? Date.parse(text) : Number.NaN
  demand(Number.isFinite(ms) && ms >= 0, 'parse', `${key} is not a time`)
  return unixSeconds(ms / 1000)
}

/** A status of a closed set: one that we do not know is never acceptable. */
export function statusField<Status extends string>(
  object: JsonObject,
  known: readonly Status[],
): Status {
  const text = labelField(object, 'tcbStatus')
  const status = known.find((candidate) => candidate === text)
  if (status === undefined) throw new AttestationError('parse', 'tcbStatus is not known')
  return status
}

export function advisoriesField(object: JsonObject): readonly string[] {
  const list = optionalField(object['advisoryIDs'], (value) =>
    arrayField(value, 'advisoryIDs', MAX_ADVISORIES),
  )
  return (list ?? []).map((entry) => {
    const id = textField(entry, 'advisory id', MAX_LABEL_CHARS)
    demand(ADVISORY.test(id), 'parse', 'advisory id form')
    return id
  })
}

/** A non-empty list of levels. */
export function levelsField(object: JsonObject): readonly unknown[] {
  const levels = arrayField(object['tcbLevels'], 'tcbLevels', MAX_LEVELS)
  demand(levels.length > 0, 'parse', 'no TCB levels')
  return levels
}
