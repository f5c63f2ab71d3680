import type { Brand } from './brand.ts'

/** An amount of nanoTON (10^-9 TON). Money is never a float. */
export type Nano = Brand<bigint, 'Nano'>

/** A price in nanoTON per million tokens. */
export type NanoPerMillion = Brand<bigint, 'NanoPerMillion'>

/** Largest amount a column may hold: Durable Object SQLite loses digits above 2^53 - 1. */
export const MAX_COLUMN_NANO = 9_007_199_254_740_991n as Nano

export const ZERO_NANO = 0n as Nano

const DECIMAL = /^(?:0|[1-9][0-9]{0,18})$/
const TON = /^(0|[1-9][0-9]{0,9})(?:\.([0-9]{1,9}))?$/

export function nano(value: bigint): Nano {
  // Sound: any bigint is an amount; signs are judged where amounts meet.
  return value as Nano
}

export function nanoPerMillion(value: bigint): NanoPerMillion {
  if (value < 0n) throw new RangeError('a price is not negative')
  // Sound: the check above is the definition of the brand.
  return value as NanoPerMillion
}

/** Parses a decimal string of nanoTON as JSON carries it: no sign, no leading zeros. */
export function parseNano(text: string): Nano {
  if (!DECIMAL.test(text)) throw new RangeError('not a decimal amount of nanoTON')
  return nano(BigInt(text))
}

/** Parses an amount in TON ("1.5") exactly. */
export function parseTon(text: string): Nano {
  const match = TON.exec(text)
  if (match === null) throw new RangeError('not an amount of TON')
  return nano(BigInt(match[1] ?? '0') * 1_000_000_000n + BigInt((match[2] ?? '').padEnd(9, '0')))
}

/** "1.5" for 1500000000n: exact, without trailing zeros. */
export function formatTon(amount: Nano): string {
  const sign = amount < 0n ? '-' : ''
  const digits = (amount < 0n ? -amount : amount).toString().padStart(10, '0')
  const fraction = digits.slice(-9).replace(/0+$/, '')
  return `${sign}${digits.slice(0, -9)}${fraction === '' ? '' : `.${fraction}`}`
}

/** ceil(a / b) for a >= 0, b > 0. */
export function ceilDiv(a: bigint, b: bigint): bigint {
  if (a < 0n || b <= 0n) throw new RangeError('ceilDiv takes a >= 0 and b > 0')
  return (a + b - 1n) / b
}
