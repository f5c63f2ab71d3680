import { type Bytes, fromBase64url, fromUtf8 } from '#base/bytes.ts'
import { AttestationError, demand, parsing } from '../errors.ts'
import { type JsonObject, objectField } from '../fields.ts'
import { parseStrictJson } from '../strict-json.ts'

/** A JSON web token, taken apart and not yet believed. */
export interface Token {
  /** The compact form: its ASCII characters are what an overall token digests. */
  readonly compact: string
  readonly header: JsonObject
  readonly payload: JsonObject
}

/** A detached entity attestation: an overall token and one token per device. */
export interface DetachedEat {
  readonly overall: Token
  /** In the order of their numbers, all of one kind. */
  readonly devices: readonly DeviceToken[]
}

export interface DeviceToken {
  /** "GPU-0" or "SWITCH-0" */
  readonly name: string
  readonly token: Token
}

const MAX_ANSWER_BYTES = 262_144
const MAX_TOKEN_CHARS = 16_384
const MAX_DEVICES = 16

/**
 * Parses NVIDIA's answer `[["JWT", overall], {"GPU-0": token, …}]`.
 * @throws AttestationError token-parse or too-large
 * @see https://docs.attestation.nvidia.com (NRAS, detached EAT); RFC 9711 section 4.2.18
 */
export function parseDetachedEat(body: Bytes): DetachedEat {
  demand(body.length <= MAX_ANSWER_BYTES, 'too-large', `token answer of ${body.length} bytes`)
  return tokenParsing(() => {
    const answer = parseStrictJson(fromUtf8(body), 'token answer')
    demand(isPair(answer), 'token-parse', 'answer is not a pair')
    const [head, map] = answer
    demand(isPair(head) && head[0] === 'JWT', 'token-parse', 'overall token is not a JWT')
    const entries = Object.entries(objectField(map, 'device tokens'))
    const count = entries.length
    demand(count > 0 && count <= MAX_DEVICES, 'token-parse', `${count} device tokens`)
    const devices = inOrder(entries).map(([name, value]) => ({ name, token: parseToken(value) }))
    return { overall: parseToken(head[1]), devices }
  })
}

function isPair(value: unknown): value is readonly [unknown, unknown] {
  return Array.isArray(value) && value.length === 2
}

/** Names are numbered from 0 without a gap, and all of one kind. */
function inOrder(entries: readonly (readonly [string, unknown])[]): [string, unknown][] {
  const kind = entries[0]?.[0].startsWith('SWITCH-') === true ? 'SWITCH' : 'GPU'
  return entries.map((_, i) => {
    const name = `${kind}-${i}`
    const entry = entries.find(([given]) => given === name)
    demand(entry !== undefined, 'token-parse', `device tokens without ${name}`)
    return [name, entry[1]]
  })
}

function parseToken(value: unknown): Token {
  demand(typeof value === 'string', 'token-parse', 'token is not a string')
  demand(value.length <= MAX_TOKEN_CHARS, 'too-large', `token of ${value.length} characters`)
  const [header, payload, signature, ...more] = value.split('.')
  const three = header !== undefined && payload !== undefined && signature !== undefined
  demand(three && more.length === 0, 'token-parse', 'token does not have three parts')
  return { compact: value, header: decode(header), payload: decode(payload) }
}

function decode(part: string): JsonObject {
  return objectField(parseStrictJson(fromUtf8(fromBase64url(part)), 'token'), 'token part')
}

/** Every way in which a token can be malformed is one code. */
export function tokenParsing<T>(parse: () => T): T {
  try {
    return parsing('token', parse, 'token-parse')
  } catch (cause) {
    if (!(cause instanceof AttestationError) || cause.code !== 'parse') throw cause
    throw new AttestationError('token-parse', cause.message, { cause })
  }
}
