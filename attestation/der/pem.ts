import { type Bytes, fromBase64 } from '#base/bytes.ts'
import { AttestationError, demand } from '../errors.ts'
import { type Certificate, parseCertificate } from './certificate.ts'

const BLOCK = /-----BEGIN ([A-Z0-9 ]{1,40})-----([A-Za-z0-9+/=\s]*)-----END ([A-Z0-9 ]{1,40})-----/g

export interface PemOptions {
  readonly label: string
  /** Most blocks to take; one more is an error. */
  readonly max: number
}

/** Largest PEM text, in characters: a chain of five device certificates is below 10,000. */
const MAX_PEM_CHARS = 131_072

/**
 * The blocks of a PEM text, in order. Between blocks only white space is allowed, and one NUL at the very
 * end (DCAP quotes carry C strings). @see RFC 7468
 */
export function parsePem(text: string, { label, max }: PemOptions): Bytes[] {
  demand(text.length <= MAX_PEM_CHARS, 'too-large', `PEM of ${text.length} characters`)
  const blocks: Bytes[] = []
  let end = 0
  for (const match of text.matchAll(BLOCK)) {
    const [whole, begin, body = '', close] = match
    demand(text.slice(end, match.index).trim() === '', 'parse', 'text between PEM blocks')
    demand(begin === label && close === label, 'parse', `PEM block is not a ${label}`)
    demand(blocks.length < max, 'parse', `more than ${max} PEM blocks`)
    blocks.push(decodeBody(body))
    end = match.index + whole.length
  }
  const rest = text.slice(end).replace(/\0$/, '')
  demand(blocks.length > 0 && rest.trim() === '', 'parse', 'PEM text is malformed')
  return blocks
}

/** The certificates of a PEM chain, in the order given. */
export function parsePemCertificates(text: string, max: number): Certificate[] {
  return parsePem(text, { label: 'CERTIFICATE', max }).map(parseCertificate)
}

function decodeBody(body: string): Bytes {
  try {
    return fromBase64(body.replace(/\s+/g, ''))
  } catch (cause) {
    throw new AttestationError('parse', 'PEM block is not base64', { cause })
  }
}
