/** JSON values that have one canonical form. Numbers are finite; signed objects use integers only. */
export type Json =
  | null
  | boolean
  | number
  | string
  | readonly Json[]
  | { readonly [key: string]: Json }

const MAX_DEPTH = 64

/**
 * The JSON Canonicalization Scheme: sorted keys, no white space, ECMAScript numbers.
 * @throws RangeError for non-finite numbers, lone surrogates or more than 64 levels
 * @see RFC 8785
 */
export function jcs(value: Json): string {
  return serialize(value, 0)
}

function serialize(value: Json, depth: number): string {
  if (depth > MAX_DEPTH) throw new RangeError('JSON nests too deep')
  if (value === null || typeof value === 'boolean') return String(value)
  if (typeof value === 'number') return canonicalNumber(value)
  if (typeof value === 'string') return canonicalString(value)
  if (isArray(value)) return `[${value.map((item) => serialize(item, depth + 1)).join(',')}]`
  // RFC 8785 section 3.2.3: keys sort by UTF-16 code units, which is what JavaScript compares.
  const members = Object.keys(value)
    .sort()
    .map((key) => `${canonicalString(key)}:${serialize(value[key] ?? null, depth + 1)}`)
  return `{${members.join(',')}}`
}

// Array.isArray does not narrow readonly arrays.
function isArray(value: Json): value is readonly Json[] {
  return Array.isArray(value)
}

function canonicalNumber(value: number): string {
  if (!Number.isFinite(value)) throw new RangeError('not a JSON number')
  return JSON.stringify(value)
}

function canonicalString(value: string): string {
  if (!value.isWellFormed()) throw new RangeError('lone surrogate in a JSON string')
  return JSON.stringify(value)
}
