import type { Json } from '#base/jcs.ts'
import type { Nano, NanoPerMillion } from '#base/nano.ts'
import { nanoPerMillion, parseNano } from '#base/nano.ts'
import { ProtocolError } from './errors.ts'

/**
 * Small strict parsers from `unknown`: every message of a peer passes one before anything acts on it.
 * Errors name the path and the rule, never the value.
 */
export type Parser<T> = (value: unknown, path: string) => T
export type Parsed<P> = P extends Parser<infer T> ? T : never

type Shape = Readonly<Record<string, Parser<unknown>>>
type OptionalKeys<S extends Shape> = {
  [K in keyof S]: undefined extends Parsed<S[K]> ? K : never
}[keyof S]
type ObjectOf<S extends Shape> = {
  readonly [K in Exclude<keyof S, OptionalKeys<S>>]: Parsed<S[K]>
} & { readonly [K in OptionalKeys<S>]?: Exclude<Parsed<S[K]>, undefined> }

function invalid(path: string, rule: string): ProtocolError {
  return new ProtocolError('message_invalid', `${path}: ${rule}`)
}

function record(value: unknown, path: string): Readonly<Record<string, unknown>> {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    throw invalid(path, 'not an object')
  }
  // Sound: a non-null, non-array object is read by own string keys only.
  return value as Readonly<Record<string, unknown>>
}

function readerOf<S extends Shape>(
  shape: S,
): (source: Readonly<Record<string, unknown>>, path: string) => ObjectOf<S> {
  const members = Object.entries(shape)
  return (source, path) => {
    const result: Record<string, unknown> = {}
    for (const [key, parser] of members) {
      const member = Object.hasOwn(source, key) ? source[key] : undefined
      const parsed = parser(member, `${path}.${key}`)
      if (parsed !== undefined) result[key] = parsed
    }
    // Sound: every key of the shape was parsed by its own parser just now.
    return result as ObjectOf<S>
  }
}

/** An object with exactly these members: what is signed or MACed has no room for others. */
export function exact<S extends Shape>(shape: S): Parser<ObjectOf<S>> {
  const read = readerOf(shape)
  const names = new Set(Object.keys(shape))
  return (value, path) => {
    const source = record(value, path)
    for (const key of Object.keys(source)) {
      // The unknown name is the peer's text, so that it is not repeated.
      if (!names.has(key)) throw invalid(path, 'has an unknown member')
    }
    return read(source, path)
  }
}

/** An object with at least these members; others are ignored (ACI documents grow). */
export function open<S extends Shape>(shape: S): Parser<ObjectOf<S>> {
  const read = readerOf(shape)
  return (value, path) => read(record(value, path), path)
}

export function optional<T>(parser: Parser<T>): Parser<T | undefined> {
  return (value, path) => (value === undefined ? undefined : parser(value, path))
}

export function nullable<T>(parser: Parser<T>): Parser<T | null> {
  return (value, path) => (value === null ? null : parser(value, path))
}

export function list<T>(
  item: Parser<T>,
  limits: { min?: number; max: number },
): Parser<readonly T[]> {
  return (value, path) => {
    if (!Array.isArray(value)) throw invalid(path, 'not an array')
    if (value.length < (limits.min ?? 0) || value.length > limits.max) {
      throw invalid(path, `takes ${limits.min ?? 0} to ${limits.max} items`)
    }
    return value.map((entry: unknown, i) => item(entry, `${path}[${i}]`))
  }
}

export function literal<const T extends string | number | boolean>(expected: T): Parser<T> {
  return (value, path) => {
    if (value !== expected) throw invalid(path, `must be ${JSON.stringify(expected)}`)
    return expected
  }
}

export function oneOf<const T extends string>(...choices: readonly T[]): Parser<T> {
  return (value, path) => {
    const choice = choices.find((name) => name === value)
    if (choice === undefined) throw invalid(path, `must be one of ${choices.join(', ')}`)
    return choice
  }
}

/** One of several objects, told apart by the text of their member `tag`. */
export function union<Kinds extends Readonly<Record<string, Parser<unknown>>>>(
  tag: string,
  kinds: Kinds,
): Parser<ReturnType<Kinds[keyof Kinds]>> {
  const name = oneOf(...Object.keys(kinds))
  return (value, path) => {
    const kind = name(record(value, path)[tag], `${path}.${tag}`)
    // Sound: `name` took one of the table's own keys, whose parser gives its own type.
    return kinds[kind]?.(value, path) as ReturnType<Kinds[keyof Kinds]>
  }
}

/** A well-formed string of 1 to `max` UTF-16 units, matching `pattern` when given. */
export function text(max: number, pattern?: RegExp): Parser<string> {
  return (value, path) => {
    if (typeof value !== 'string') throw invalid(path, 'not a string')
    if (value.length === 0 || value.length > max)
      throw invalid(path, `takes 1 to ${max} characters`)
    if (!value.isWellFormed() || (pattern !== undefined && !pattern.test(value))) {
      throw invalid(path, 'not in its form')
    }
    return value
  }
}

export function integer(min: number, max: number): Parser<number> {
  return (value, path) => {
    // -0 is not canonical JSON.
    if (typeof value !== 'number' || !Number.isSafeInteger(value) || Object.is(value, -0)) {
      throw invalid(path, 'not an integer')
    }
    if (value < min || value > max) throw invalid(path, `must be ${min} to ${max}`)
    return value
  }
}

export const bool: Parser<boolean> = (value, path) => {
  if (typeof value !== 'boolean') throw invalid(path, 'not a boolean')
  return value
}

/** Lower-case hex of exactly `bytes` bytes. */
export function hexOf(bytes: number): Parser<string> {
  return text(bytes * 2, new RegExp(`^[0-9a-f]{${bytes * 2}}$`))
}

/** `sha256:` and 64 hex digits. */
export const digest: Parser<string> = text(71, /^sha256:[0-9a-f]{64}$/)

/** Seconds since the epoch, up to the year 9999. */
export const seconds: Parser<number> = integer(0, 253_402_300_799)

/** Decimal nanoTON, as JSON carries every amount. */
export const amount: Parser<Nano> = (value, path) => {
  if (typeof value !== 'string') throw invalid(path, 'not a decimal string')
  try {
    return parseNano(value)
  } catch {
    throw invalid(path, 'not a decimal amount of nanoTON')
  }
}

/** Decimal nanoTON per million tokens. */
export const price: Parser<NanoPerMillion> = (value, path) => nanoPerMillion(amount(value, path))

/** Any JSON value; depth and size are bounded by whoever read the bytes and by `jcs`. */
export const json: Parser<Json> = (value, path) => {
  if (value === undefined) throw invalid(path, 'missing')
  // Sound: values reach here from JSON.parse only, which makes nothing but Json.
  return value as Json
}

/** Parses JSON text, mapping a syntax error to `message_invalid` without echoing the text. */
export function parseJson(source: string): unknown {
  try {
    const value: unknown = JSON.parse(source)
    return value
  } catch {
    throw invalid('$', 'not JSON')
  }
}
