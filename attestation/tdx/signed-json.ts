import { type Bytes, fromHex, fromUtf8, utf8 } from '#base/bytes.ts'
import { demand, parsing } from '../errors.ts'
import { parseStrictJson } from '../strict-json.ts'

/** A document as Intel serves and signs it. */
export interface SignedJson {
  /** The bytes that were signed: the member's value exactly as received. */
  readonly signed: Bytes
  readonly value: unknown
  /** Raw r||s. */
  readonly signature: Bytes
}

export type SignedMember = 'tcbInfo' | 'enclaveIdentity'

const MAX_BODY_BYTES = 262_144

/** JSON's white space only: JavaScript's would let a byte order mark through. */
const START: Readonly<Record<SignedMember, RegExp>> = {
  tcbInfo: /^[ \t\r\n]*\{[ \t\r\n]*"tcbInfo"[ \t\r\n]*:[ \t\r\n]*(?=\{)/,
  enclaveIdentity: /^[ \t\r\n]*\{[ \t\r\n]*"enclaveIdentity"[ \t\r\n]*:[ \t\r\n]*(?=\{)/,
}

/** Searched from where it can begin at the earliest: 128 digits and a little white space from the end. */
const END =
  /[ \t\r\n]*,[ \t\r\n]*"signature"[ \t\r\n]*:[ \t\r\n]*"([0-9A-Fa-f]{128})"[ \t\r\n]*\}[ \t\r\n]*$/
const MAX_END_CHARS = 256

/**
 * Splits `{"<member>":<value>,"signature":"<hex>"}` without parsing and writing it again: the signature covers
 * the value's bytes. Only the frame is matched, and what is between must be one whole JSON value: so a second copy
 * of a key, another member, another order or trailing bytes are all refused.
 * @see Intel PCS API version 4, "Get TDX TCB Info", "TCB Info"
 * @throws AttestationError parse or too-large
 */
export function parseSignedJson(body: Bytes, member: SignedMember): SignedJson {
  demand(body.length <= MAX_BODY_BYTES, 'too-large', `${member} of ${body.length} bytes`)
  return parsing(member, () => {
    const text = fromUtf8(body)
    const start = START[member].exec(text)?.[0].length
    const tail = Math.max(0, text.length - MAX_END_CHARS)
    const end = END.exec(text.slice(tail))
    const signature = end?.[1]
    const framed = start !== undefined && end !== null && signature !== undefined
    demand(framed, 'parse', `body is not {"${member}":…,"signature":"…"}`)
    // Decoding refused ill-formed UTF-8, so encoding gives the received bytes back.
    const inner = text.slice(start, tail + end.index)
    const value = parseStrictJson(inner, member)
    return { signed: utf8(inner), value, signature: fromHex(signature, { anyCase: true }) }
  })
}
