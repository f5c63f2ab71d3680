import { type Nano, nano } from '#base/nano.ts'
import type { Value } from './db.ts'

/** A column of whole nanoTON in a hand-written statement's row. */
export function nanoIn(value: Value | undefined): Nano {
  return nano(BigInt(numberIn(value)))
}

/** A whole number of a hand-written statement's row. */
export function numberIn(value: Value | undefined): number {
  if (!Number.isSafeInteger(value)) throw new RangeError('a column is not a whole number')
  // Sound: isSafeInteger is true of numbers only.
  return value as number
}

/** A text column of a hand-written statement's row. */
export function textIn(value: Value | undefined): string {
  if (typeof value !== 'string') throw new RangeError('a column is not text')
  return value
}
