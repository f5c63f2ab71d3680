import { type Bytes, concat, utf8 } from '#base/bytes.ts'
import {
  bits,
  der,
  enumeration,
  explicit,
  extension,
  implicit,
  int,
  name,
  nul,
  octets,
  oid,
  type Signer,
  seq,
} from './der.ts'
import type { Forged } from './nvidia-pki.ts'

const HASHES = {
  'SHA-1': '1.3.14.3.2.26',
  'SHA-256': '2.16.840.1.101.3.4.2.1',
  'SHA-384': '2.16.840.1.101.3.4.2.2',
} as const

export interface OcspFields {
  readonly serial: bigint
  readonly issuer: Forged
  readonly status: 'good' | 'revoked' | 'hold' | 'unknown'
  /** Unix seconds. */
  readonly thisUpdate: number
  readonly nextUpdate: number
  readonly nonce?: Uint8Array | undefined
  readonly hash?: keyof typeof HASHES
  /** Who signs; default: the issuer. */
  readonly responder?: Forged
  /** Certificates to send along. */
  readonly certificates?: readonly Uint8Array[]
  readonly by?: 'name' | 'key'
  /** The key that really signs; default: the responder's. */
  readonly signer?: Signer
  /** OCSPResponseStatus; anything but 0 comes without a body. */
  readonly responseStatus?: number
}

const BASIC = '1.3.6.1.5.5.7.48.1.1'
const NONCE = '1.3.6.1.5.5.7.48.1.2'
const CERTIFICATE_HOLD = 6
const KEY_COMPROMISE = 1

/** An OCSP response about one certificate, DER. @see RFC 6960 section 4.2 */
export async function writeOcsp(fields: OcspFields): Promise<Bytes> {
  const { responder = fields.issuer, responseStatus = 0 } = fields
  if (responseStatus !== 0) return seq(enumeration(responseStatus))
  const signer = fields.signer ?? responder.signer
  const sha1 = new Uint8Array(await crypto.subtle.digest('SHA-1', responder.signer.point))
  const id = fields.by === 'key' ? explicit(2, octets(sha1)) : explicit(1, name(responder.subject))
  const nonce =
    fields.nonce === undefined
      ? []
      : [explicit(1, seq(extension({ id: NONCE, value: octets(fields.nonce) })))]
  const data = seq(id, generalizedTime(fields.thisUpdate), seq(await statement(fields)), ...nonce)
  const certificates = fields.certificates ?? []
  const basic = seq(
    data,
    signer.identifier,
    bits(await signer.sign(data)),
    ...(certificates.length === 0 ? [] : [explicit(0, seq(...certificates))]),
  )
  return seq(enumeration(0), explicit(0, seq(oid(BASIC), octets(basic))))
}

async function statement(fields: OcspFields): Promise<Bytes> {
  const { issuer, serial, status, hash = 'SHA-384' } = fields
  const digest = async (bytes: Bytes): Promise<Bytes> =>
    octets(new Uint8Array(await crypto.subtle.digest(hash, bytes)))
  const id = seq(
    seq(oid(HASHES[hash]), nul()),
    await digest(name(issuer.subject)),
    await digest(issuer.signer.point),
    int(serial),
  )
  return seq(
    id,
    certStatus(status, fields.thisUpdate),
    generalizedTime(fields.thisUpdate),
    explicit(0, generalizedTime(fields.nextUpdate)),
  )
}

function certStatus(status: OcspFields['status'], at: number): Bytes {
  if (status === 'good') return implicit(0, new Uint8Array())
  if (status === 'unknown') return implicit(2, new Uint8Array())
  const reason = status === 'hold' ? CERTIFICATE_HOLD : KEY_COMPROMISE
  return explicit(1, generalizedTime(at), explicit(0, enumeration(reason)))
}

function generalizedTime(seconds: number): Bytes {
  const digits = new Date(seconds * 1000).toISOString().replace(/\.\d+/, '').replace(/[-:T]/g, '')
  return der(0x18, utf8(digits))
}

const NONCE_OID = oid(NONCE)

/** What a request asks: whether it holds this serial number, and the nonce that it wants repeated. */
export function readOcspRequest(body: Uint8Array): {
  asksAbout(serial: bigint): boolean
  readonly nonce: Bytes | undefined
} {
  const at = indexOf(body, NONCE_OID)
  // OID, OCTET STRING header, OCTET STRING header, nonce.
  const start = at + NONCE_OID.length + 4
  const length = body[start - 1] ?? 0
  const nonce = at < 0 ? undefined : concat(body.subarray(start, start + length))
  return { asksAbout: (serial) => indexOf(body, int(serial)) >= 0, nonce }
}

function indexOf(body: Uint8Array, pattern: Uint8Array): number {
  for (let at = 0; at + pattern.length <= body.length; at++) {
    if (pattern.every((byte, i) => body[at + i] === byte)) return at
  }
  return -1
}
