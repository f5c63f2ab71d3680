import type { UnixSeconds } from '#base/brand.ts'
import { type Bytes, equalBytes, fromHex } from '#base/bytes.ts'
import {
  type Certificate,
  type Extension,
  parseCertificate,
  parseExtensions,
} from '../../der/certificate.ts'
import {
  contextPrimitiveTag,
  contextTag,
  type DerNode,
  DerReader,
  readDer,
  TAG,
} from '../../der/reader.ts'
import { parseSignatureAlgorithm, type SignatureAlgorithm } from '../../der/signature.ts'
import {
  enumerated,
  integerBytes,
  octets,
  oid,
  smallInteger,
  time,
  wholeBits,
} from '../../der/values.ts'
import { demand, parsing } from '../../errors.ts'
import { CERT_ID_HASHES, type CertIdHash, NONCE } from './request.ts'

/** What a responder says about one certificate. */
export interface OcspStatement {
  readonly hash: CertIdHash
  readonly issuerNameHash: Bytes
  readonly issuerKeyHash: Bytes
  /** The INTEGER's octets. */
  readonly serial: Bytes
  readonly status: 'good' | 'revoked' | 'hold' | 'unknown'
  readonly thisUpdate: UnixSeconds
  readonly nextUpdate: UnixSeconds
}

/** A successful basic OCSP response, parsed and not yet believed. */
export interface OcspResponse {
  readonly tbs: Bytes
  readonly algorithm: SignatureAlgorithm
  readonly signature: Bytes
  readonly responder:
    | { readonly by: 'name'; readonly name: Bytes }
    | { readonly by: 'key'; readonly sha1: Bytes }
  readonly statements: readonly OcspStatement[]
  /** The nonce that the response repeats; undefined when it has none. */
  readonly nonce: Bytes | undefined
  /** Certificates that came along, to be verified under the issuer. */
  readonly certificates: readonly Certificate[]
}

const BASIC_RESPONSE = '1.3.6.1.5.5.7.48.1.1'
const MAX_RESPONSE_BYTES = 65_536
const MAX_STATEMENTS = 16
const MAX_CERTIFICATES = 4
const MAX_NONCE_BYTES = 32
const SHA1_BYTES = 20

const RESPONSE_STATUS = [
  'successful',
  'malformedRequest',
  'internalError',
  'tryLater',
  'reserved',
  'sigRequired',
  'unauthorized',
]
/** CRLReason certificateHold. @see RFC 5280 section 5.3.1 */
const CERTIFICATE_HOLD = 6
const MAX_REASON = 10

/**
 * @throws AttestationError ocsp for an unsuccessful answer and every malformed one
 * @see RFC 6960 section 4.2
 */
export function parseOcspResponse(der: Bytes): OcspResponse {
  return parsing('OCSP response', () => parseResponse(der))
}

function parseResponse(der: Bytes): OcspResponse {
  demand(der.length <= MAX_RESPONSE_BYTES, 'too-large', `OCSP response of ${der.length} bytes`)
  const outer = new DerReader(readDer(der, TAG.sequence).content)
  const status = RESPONSE_STATUS[enumerated(outer.next(), RESPONSE_STATUS.length - 1)]
  demand(status === 'successful', 'ocsp', `OCSP responder answered ${status}`)
  const wrapped = outer.enter(contextTag(0)).enter()
  outer.end()
  demand(oid(wrapped.next()) === BASIC_RESPONSE, 'parse', 'OCSP response is not basic')
  const basic = new DerReader(readDer(octets(wrapped.next()), TAG.sequence).content)
  wrapped.end()
  const tbs = basic.next(TAG.sequence)
  const algorithm = parseSignatureAlgorithm(basic.next(TAG.sequence))
  const signature = wholeBits(basic.next())
  const certificates = basic.done ? [] : readCertificates(basic.enter(contextTag(0)).enter())
  basic.end()
  return { tbs: tbs.raw, algorithm, signature, certificates, ...readData(tbs) }
}

function readCertificates(list: DerReader): Certificate[] {
  const certificates: Certificate[] = []
  while (!list.done) {
    certificates.push(parseCertificate(list.next(TAG.sequence).raw))
    demand(certificates.length <= MAX_CERTIFICATES, 'parse', 'too many responder certificates')
  }
  return certificates
}

function readData(tbs: DerNode): Pick<OcspResponse, 'responder' | 'statements' | 'nonce'> {
  const reader = new DerReader(tbs.content)
  const version = reader.optional(contextTag(0))
  if (version !== undefined) smallInteger(readDer(version.content), 0)
  const responder = readResponder(reader.next())
  // producedAt: when it was signed; what it is good for is said per statement.
  time(reader.next(TAG.generalizedTime))
  const list = reader.enter()
  const extensions = reader.optional(contextTag(1))
  reader.end()
  const statements: OcspStatement[] = []
  while (!list.done) {
    statements.push(readStatement(list.enter()))
    demand(statements.length <= MAX_STATEMENTS, 'parse', 'too many OCSP statements')
  }
  return { responder, statements, nonce: readNonce(extensions) }
}

function readResponder(node: DerNode): OcspResponse['responder'] {
  if (node.tag === contextTag(1)) {
    return { by: 'name', name: readDer(node.content, TAG.sequence).raw }
  }
  demand(node.tag === contextTag(2), 'parse', 'OCSP responder id')
  const sha1 = octets(readDer(node.content))
  demand(sha1.length === SHA1_BYTES, 'parse', 'OCSP responder key hash')
  return { by: 'key', sha1 }
}

function readStatement(reader: DerReader): OcspStatement {
  const id = reader.enter()
  const algorithm = id.enter()
  const hash = hashOf(oid(algorithm.next()))
  algorithm.optional(TAG.null)
  algorithm.end()
  const issuerNameHash = octets(id.next())
  const issuerKeyHash = octets(id.next())
  const serial = integerBytes(id.next())
  id.end()
  const status = readStatus(reader.next())
  const thisUpdate = time(reader.next(TAG.generalizedTime))
  // Optional in RFC 6960, but a statement without an end could be replayed for ever.
  const nextUpdate = time(readDer(reader.next(contextTag(0)).content, TAG.generalizedTime))
  const extensions = reader.optional(contextTag(1))
  reader.end()
  if (extensions !== undefined) refuseCritical(parseExtensions(readDer(extensions.content)))
  return { hash, issuerNameHash, issuerKeyHash, serial, status, thisUpdate, nextUpdate }
}

function hashOf(id: string): CertIdHash {
  const known: Readonly<Record<string, CertIdHash>> = CERT_ID_HASHES
  const hash = Object.hasOwn(known, id) ? known[id] : undefined
  demand(hash !== undefined, 'ocsp', `OCSP hash algorithm ${id}`)
  return hash
}

function readStatus(node: DerNode): OcspStatement['status'] {
  if (node.tag === contextPrimitiveTag(0) && node.content.length === 0) return 'good'
  if (node.tag === contextPrimitiveTag(2) && node.content.length === 0) return 'unknown'
  demand(node.tag === contextTag(1), 'parse', 'OCSP status')
  const revoked = new DerReader(node.content)
  time(revoked.next(TAG.generalizedTime))
  const reason = revoked.optional(contextTag(0))
  revoked.end()
  if (reason === undefined) return 'revoked'
  return enumerated(readDer(reason.content), MAX_REASON) === CERTIFICATE_HOLD ? 'hold' : 'revoked'
}

function readNonce(wrapped: DerNode | undefined): Bytes | undefined {
  if (wrapped === undefined) return undefined
  const extensions = parseExtensions(readDer(wrapped.content))
  const nonce = extensions.get(NONCE)
  refuseCritical(new Map([...extensions].filter(([id]) => id !== NONCE)))
  if (nonce === undefined) return undefined
  const value = octets(readDer(nonce.value))
  demand(value.length > 0 && value.length <= MAX_NONCE_BYTES, 'parse', 'OCSP nonce length')
  return value
}

function refuseCritical(extensions: ReadonlyMap<string, Extension>): void {
  for (const [id, { critical }] of extensions) {
    demand(!critical, 'ocsp', `critical OCSP extension ${id} is not known`)
  }
}

/** The one statement about this certificate. @throws AttestationError ocsp */
export function statementAbout(
  { statements }: OcspResponse,
  certificate: Certificate,
  hashes: (hash: CertIdHash) => { readonly name: Bytes; readonly key: Bytes },
): OcspStatement {
  const serial = fromHex(certificate.serial)
  const about = statements.filter(({ hash, ...id }) => {
    const issuer = hashes(hash)
    const same =
      equalBytes(id.issuerNameHash, issuer.name) && equalBytes(id.issuerKeyHash, issuer.key)
    return same && equalBytes(id.serial, serial)
  })
  const [statement] = about
  const one = statement !== undefined && about.length === 1
  demand(one, 'ocsp', `${about.length} OCSP statements about the certificate`)
  return statement
}
