/** JSON values that have one canonical form. Numbers are finite; signed objects use integers only. */
export type Json =
  | null
  | boolean
  | number
  | string
  | readonly Json[]
  | { readonly [key: string]: Json }

/** What messages hold besides: amounts, which are written as decimal strings, and absent members, which are not. */
export type Message =
  | Json
  | bigint
  | undefined
  | readonly Message[]
  | { readonly [key: string]: Message }

const MAX_DEPTH = 64

/**
 * The JSON Canonicalization Scheme: sorted keys, no white space, ECMAScript numbers.
 * @throws RangeError for non-finite numbers, lone surrogates or more than 64 levels
 * @see RFC 8785
 */
export function jcs(value: Message): string {
  return serialize(value, 0)
}

function serialize(value: Message, depth: number): string {
  if (depth > MAX_DEPTH) throw new RangeError('JSON nests too deep')
  if (typeof value === 'string') return canonicalString(value)
  if (typeof value === 'number') return canonicalNumber(value)
  if (typeof value === 'bigint') return `"${value}"`
  if (typeof value === 'boolean') return String(value)
  if (value === null || value === undefined) return 'null'
  return isArray(value) ? serializeArray(value, depth + 1) : serializeObject(value, depth + 1)
}

// Texts grow in a loop: a list of members and a join cost twice as much, and receipts pass here by the thousand.
function serializeArray(items: readonly Message[], depth: number): string {
  let text = ''
  for (const item of items) text += `${text === '' ? '' : ','}${serialize(item, depth)}`
  return `[${text}]`
}

function serializeObject(object: { readonly [key: string]: Message }, depth: number): string {
  let text = ''
  // RFC 8785 section 3.2.3: keys sort by UTF-16 code units, which is what JavaScript compares.
  for (const key of Object.keys(object).sort()) {
    const member = object[key]
    if (member === undefined) continue
    text += `${text === '' ? '' : ','}${canonicalString(key)}:${serialize(member, depth)}`
  }
  return `{${text}}`
}

// Array.isArray does not narrow readonly arrays.
function isArray(value: Message): value is readonly Message[] {
  return Array.isArray(value)
}

function canonicalNumber(value: number): string {
  if (!Number.isFinite(value)) throw new RangeError('not a JSON number')
  return JSON.stringify(value)
}

/** Printable ASCII that JSON writes as it is. */
const PLAIN = /^[ !#-[\]-~]*$/

function canonicalString(value: string): string {
  if (PLAIN.test(value)) return `"${value}"`
  if (!value.isWellFormed()) throw new RangeError('lone surrogate in a JSON string')
  return JSON.stringify(value)
}
