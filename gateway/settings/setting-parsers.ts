import { type Bytes, fromHex } from '#base/bytes.ts'
import { type Nano, parseTon } from '#base/nano.ts'
import { ipNetworks } from '../http/ip-networks.ts'
import { type ModelSeed, modelSeed } from '../model-seed.ts'
import type { Ticker } from '../money/rates.ts'

/** Parsers of single settings. Each throws RangeError with a message that completes "NAME …" and repeats no value. */

const HASH = /^[0-9a-f]{64}$/
const SECRET_BYTES = 32

export function oneOf<const T extends string>(
  ...choices: readonly T[]
): (text: string | undefined) => T {
  return (text) => {
    const choice = choices.find((name) => name === text)
    if (choice === undefined) throw new RangeError(`must be one of ${choices.join(', ')}`)
    return choice
  }
}

export function integer(min: number, max: number): (text: string | undefined) => number {
  return (text) => {
    const value = /^[0-9]{1,15}$/.test(text ?? '') ? Number(text) : -1
    if (value < min || value > max) throw new RangeError(`must be an integer, ${min} to ${max}`)
    return value
  }
}

export function url(text: string): string {
  const parsed = URL.canParse(text) ? new URL(text) : undefined
  if (parsed === undefined || !/^https?:$/.test(parsed.protocol)) {
    throw new RangeError('must be an http or https URL')
  }
  return text
}

/** Names no part of it: it holds a password. */
export function postgresUrl(text: string): string {
  const parsed = URL.canParse(text) ? new URL(text) : undefined
  const isPostgres = parsed !== undefined && /^postgres(?:ql)?:$/.test(parsed.protocol)
  if (!isPostgres || parsed.pathname.length < 2) {
    throw new RangeError('must be postgres://user:password@host:port/database')
  }
  return text
}

export function urls(text: string | undefined): readonly string[] {
  return text === undefined || text === '' ? [] : text.split(',').map((part) => url(part.trim()))
}

export function origin(text: string): string {
  const parsed = URL.canParse(text) ? new URL(text) : undefined
  if (parsed === undefined || !/^https?:$/.test(parsed.protocol) || parsed.origin !== text) {
    throw new RangeError('must be an origin: https://host[:port] and nothing after it')
  }
  return text
}

export function secretBytes(text: string): Bytes {
  if (!HASH.test(text)) throw new RangeError(`must be ${SECRET_BYTES} bytes in lower-case hex`)
  return fromHex(text)
}

export function tons(text: string): Nano {
  try {
    return parseTon(text)
  } catch {
    throw new RangeError('must be an amount of TON such as 0.5')
  }
}

export function ports(text: string | undefined): readonly number[] {
  if (text === undefined || text === '') return []
  return text.split(',').map((part) => integer(1, 65_535)(part.trim()))
}

export function hashes(text: string | undefined): readonly string[] {
  if (text === undefined || text === '') return []
  const list = text.split(',').map((part) => part.trim())
  if (!list.every((hash) => HASH.test(hash))) throw new RangeError('must be hashes in hex')
  return list
}

export function models(text: string | undefined): readonly ModelSeed[] {
  let list: unknown
  try {
    list = JSON.parse(text ?? '[]')
  } catch {
    throw new RangeError('must be JSON')
  }
  if (!Array.isArray(list)) throw new RangeError('must be a JSON array')
  const seeds = list.map((entry: unknown) => modelSeed(entry))
  const ids = new Set(seeds.map(({ id }) => id))
  if (ids.size < seeds.length) throw new RangeError('has a model twice')
  return seeds
}

/** `name=value,other=value`, values percent-encoded, as OpenTelemetry writes them. */
export function headerList(text: string | undefined): Readonly<Record<string, string>> {
  const entries = (text ?? '').split(',').filter((part) => part.trim() !== '')
  return Object.fromEntries(
    entries.map((entry) => {
      const [, name, value] =
        /^\s*([!#$%&'*+.^_`|~0-9A-Za-z-]+)\s*=\s*([\x21-\x7e]*)\s*$/.exec(entry) ?? []
      if (name === undefined || value === undefined)
        throw new RangeError('must be name=value pairs')
      return [name.toLowerCase(), decoded(value)]
    }),
  )
}

function decoded(value: string): string {
  try {
    return decodeURIComponent(value)
  } catch {
    throw new RangeError('must be percent-encoded')
  }
}

/** A share from 0 to 1. */
export function ratio(text: string): number {
  const value = Number(text)
  if (text.trim() === '' || !(value >= 0 && value <= 1)) throw new RangeError('must be from 0 to 1')
  return value
}

/** A price in dollars, above zero. */
export function dollars(text: string): number {
  const value = Number(text)
  if (!/^[0-9]{1,6}(?:\.[0-9]{1,8})?$/.test(text) || value <= 0) {
    throw new RangeError('must be a price like 2.5')
  }
  return value
}

const MAX_TICKERS = 10

export function tickers(text: string | undefined): readonly Ticker[] {
  let list: unknown
  try {
    list = JSON.parse(text ?? '[]')
  } catch {
    throw new RangeError('must be JSON')
  }
  if (!Array.isArray(list) || list.length > MAX_TICKERS) {
    throw new RangeError(`must be a JSON array of at most ${MAX_TICKERS}`)
  }
  return list.map(ticker)
}

function ticker(entry: unknown): Ticker {
  // Sound: every member is checked below before it is used.
  const { name, url: from, path } = (entry ?? {}) as Partial<Record<keyof Ticker, unknown>>
  const isPath = Array.isArray(path) && path.every((key) => typeof key === 'string')
  if (typeof name !== 'string' || typeof from !== 'string' || !isPath) {
    throw new RangeError('has a source without name, url or path')
  }
  return { name, url: url(from), path }
}

/** IP addresses and networks. */
export function addresses(text: string | undefined): readonly string[] {
  const list = (text ?? '').split(',').flatMap((item) => item.trim() || [])
  ipNetworks(list)
  return list
}
