import { type Bytes, concat, putUint32 } from '#base/bytes.ts'
import type { Provider } from './crypto.ts'
import { ProtocolError } from './errors.ts'
import { decodeHead, type EncodedHead } from './head.ts'
import { HEADER } from './labels.ts'
import { type Suite, suiteByEncLength } from './suite.ts'
import { readVersion } from './version.ts'

/**
 * A header's value by lower-case name. Repeated headers must arrive joined by a comma, as Node's
 * `req.headers` and Fetch do: no protocol header contains one, so that every repetition is refused.
 */
export type HeaderReader = (name: string) => string | readonly string[] | null | undefined

interface Sealed {
  readonly suite: Suite
  /** The encapsulated key: of this body, or of the session. */
  readonly enc: Bytes
  /** SHA-256 of the encapsulated key, 32 bytes: replay sets and context tables know it by this. */
  readonly encHash: Bytes
  /** What an allowance names: hex, of `encHash` or of the session's counter under it. SPEC 7.2 */
  readonly binding: string
}

/** The headers of a sealed request, parsed; nothing is opened yet. @see SPEC.md section 1.1 */
export type Envelope =
  | (Sealed & { readonly kind: 'ehbp' })
  | (Sealed & { readonly kind: 'cocoon'; readonly head: EncodedHead })
  | (Sealed & { readonly kind: 'session'; readonly head: EncodedHead; readonly counter: number })

/** Counters are below 2^20: a context is used up then. */
export const MAX_COUNTER = 2 ** 20

export function readEnvelope(
  header: HeaderReader,
  provider: Pick<Provider, 'hashes' | 'texts' | 'suites'>,
): Envelope {
  const key = single(header, HEADER.encapsulatedKey)
  const session = single(header, HEADER.session)
  const version = single(header, HEADER.version)
  if (version === undefined) return plainEhbp(key, header, provider)
  readVersion(version)
  const headText = single(header, HEADER.head)
  if (headText === undefined) throw new ProtocolError('header_invalid', `${HEADER.head} is missing`)
  if ((key === undefined) === (session === undefined)) {
    throw new ProtocolError('header_invalid', 'takes an encapsulated key or a session, not both')
  }
  const head = decodeHead(provider.texts, headText)
  if (session === undefined) return { kind: 'cocoon', head, ...ofKey(key ?? '', provider) }
  const sealed = ofKey(session, provider)
  const counter = readCounter(single(header, HEADER.counter))
  const binding = sessionBinding(provider, sealed.encHash, counter)
  return { kind: 'session', head, counter, ...sealed, binding }
}

/** The name of a session's counter in an allowance. */
export function sessionBinding(
  provider: Pick<Provider, 'hashes' | 'texts'>,
  encHash: Bytes,
  counter: number,
): string {
  return provider.texts.hex(provider.hashes.sha256(concat(encHash, u64(counter))))
}

/** A safe integer as eight bytes, big-endian. */
export function u64(value: number): Bytes {
  const bytes = new Uint8Array(8)
  putUint32(bytes, 0, Math.floor(value / 2 ** 32))
  putUint32(bytes, 4, value)
  return bytes
}

function plainEhbp(
  key: string | undefined,
  header: HeaderReader,
  provider: Pick<Provider, 'hashes' | 'texts' | 'suites'>,
): Envelope {
  const cocoonOnly = [HEADER.head, HEADER.session, HEADER.counter]
  // Without its version a cocoon/1 body would be opened as EHBP, which binds nothing.
  if (cocoonOnly.some((name) => single(header, name) !== undefined)) {
    throw new ProtocolError('header_invalid', `${HEADER.version} is missing`)
  }
  if (key === undefined) {
    throw new ProtocolError('header_invalid', `${HEADER.encapsulatedKey} is missing`)
  }
  return { kind: 'ehbp', ...ofKey(key, provider) }
}

function ofKey(text: string, provider: Pick<Provider, 'hashes' | 'texts' | 'suites'>): Sealed {
  let enc: Bytes
  try {
    enc = provider.texts.fromHex(text)
  } catch {
    throw new ProtocolError('header_invalid', 'encapsulated key is not lower-case hex')
  }
  const suite = suiteByEncLength(provider.suites, enc.length)
  const encHash = provider.hashes.sha256(enc)
  return { suite, enc, encHash, binding: provider.texts.hex(encHash) }
}

function readCounter(text: string | undefined): number {
  const counter = text !== undefined && /^(?:0|[1-9][0-9]{0,6})$/.test(text) ? Number(text) : -1
  if (counter < 0 || counter >= MAX_COUNTER) {
    throw new ProtocolError('header_invalid', `${HEADER.counter} takes 0 to ${MAX_COUNTER - 1}`)
  }
  return counter
}

function single(header: HeaderReader, name: string): string | undefined {
  const value = header(name)
  if (value === undefined || value === null) return undefined
  if (typeof value !== 'string' || value.includes(',')) {
    throw new ProtocolError('header_invalid', `${name} is repeated`)
  }
  return value
}
