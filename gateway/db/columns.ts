import { customType, integer } from 'drizzle-orm/sqlite-core'
import type { UnixMs, UnixSeconds } from '#base/brand.ts'
import { type Bytes, copyBytes } from '#base/bytes.ts'
import { MAX_COLUMN_NANO, type Nano, type NanoPerMillion, nano } from '#base/nano.ts'

/**
 * An amount as a column holds it: a whole number up to 2^53 - 1 (9,007,199 TON), because a Durable Object's SQLite
 * hands integers over as doubles.
 * @throws RangeError for anything that would lose digits
 */
export function columnNumber(amount: bigint): number {
  if (amount > MAX_COLUMN_NANO || amount < -MAX_COLUMN_NANO) {
    throw new RangeError('an amount does not fit its column')
  }
  return Number(amount)
}

/** As much of an amount from outside as a column holds: one that is too large must stop nothing but itself. */
export function columnMost(amount: Nano): Nano {
  return amount < MAX_COLUMN_NANO ? amount : MAX_COLUMN_NANO
}

/** The inverse of `columnNumber`. */
export function columnNano(value: number): Nano {
  if (!Number.isSafeInteger(value)) throw new RangeError('a column lost digits')
  return nano(BigInt(value))
}

/** nanoTON, number in the database and bigint in code. */
export const nanoColumn = customType<{ data: Nano; driverData: number }>({
  dataType: () => 'integer',
  toDriver: columnNumber,
  fromDriver: columnNano,
})

/** nanoTON per million tokens. */
export const priceColumn = customType<{ data: NanoPerMillion; driverData: number }>({
  dataType: () => 'integer',
  toDriver: columnNumber,
  // Sound: a price column is checked to be >= 0 by the schema.
  fromDriver: (value) => columnNano(value) as bigint as NanoPerMillion,
})

export const millisColumn = () => integer().$type<UnixMs>()
export const secondsColumn = () => integer().$type<UnixSeconds>()

/** Bytes; better-sqlite3 gives a Buffer, a Durable Object an ArrayBuffer. */
export const bytesColumn = customType<{ data: Bytes; driverData: Uint8Array | ArrayBuffer }>({
  dataType: () => 'blob',
  toDriver: (bytes) => bytes,
  fromDriver: (value) => copyBytes(value instanceof ArrayBuffer ? new Uint8Array(value) : value),
})
