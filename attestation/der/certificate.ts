import type { UnixSeconds } from '#base/brand.ts'
import { type Bytes, equalBytes, hex } from '#base/bytes.ts'
import { demand, parsing } from '../errors.ts'
import { contextTag, type DerNode, DerReader, readDer, TAG } from './reader.ts'
import {
  type PublicKey,
  parsePublicKey,
  parseSignatureAlgorithm,
  type SignatureAlgorithm,
} from './signature.ts'
import {
  boolean,
  integerBytes,
  namedBits,
  octets,
  oid,
  smallInteger,
  time,
  wholeBits,
} from './values.ts'

export interface Extension {
  readonly critical: boolean
  /** The octets inside the OCTET STRING. */
  readonly value: Bytes
}

/** An X.509 version 3 certificate; every byte field is a view into the input. */
export interface Certificate {
  readonly raw: Bytes
  /** The signed part, as received. */
  readonly tbs: Bytes
  /** Serial number: its INTEGER octets in hex, as CRLs list them. */
  readonly serial: string
  readonly algorithm: SignatureAlgorithm
  /** Raw DER names: compared as bytes, read by `nameAttributes`. */
  readonly issuer: Bytes
  readonly subject: Bytes
  readonly notBefore: UnixSeconds
  readonly notAfter: UnixSeconds
  readonly key: PublicKey
  /** By OID; a repeated extension is refused at parsing. */
  readonly extensions: ReadonlyMap<string, Extension>
  /** From basicConstraints; `pathLength` undefined means unlimited. */
  readonly ca: { readonly pathLength: number | undefined } | undefined
  /** Named bits of keyUsage; undefined when the extension is absent. */
  readonly keyUsage: number | undefined
  readonly signature: Bytes
}

export const OID = {
  keyUsage: '2.5.29.15',
  basicConstraints: '2.5.29.19',
  crlNumber: '2.5.29.20',
  extendedKeyUsage: '2.5.29.37',
} as const

/** keyUsage named bits. @see RFC 5280 section 4.2.1.3 */
export const KEY_USAGE = { digitalSignature: 1 << 0, keyCertSign: 1 << 5, crlSign: 1 << 6 } as const

const MAX_CERTIFICATE_BYTES = 16_384
const MAX_EXTENSIONS = 64
const MAX_SERIAL_BYTES = 21
const MAX_PATH_LENGTH = 16

/** @see RFC 5280 section 4.1 */
export function parseCertificate(der: Bytes): Certificate {
  return parsing('certificate', () => {
    demand(der.length <= MAX_CERTIFICATE_BYTES, 'too-large', `certificate of ${der.length} bytes`)
    const outer = new DerReader(readDer(der, TAG.sequence).content)
    const tbs = outer.next(TAG.sequence)
    const outerAlgorithm = outer.next(TAG.sequence)
    const signature = wholeBits(outer.next())
    outer.end()
    return { raw: der, tbs: tbs.raw, signature, ...parseTbs(tbs, outerAlgorithm) }
  })
}

function parseTbs(
  tbs: DerNode,
  outerAlgorithm: DerNode,
): Omit<Certificate, 'raw' | 'tbs' | 'signature'> {
  const reader = new DerReader(tbs.content)
  const version = reader.enter(contextTag(0))
  demand(smallInteger(version.next(), 2) === 2, 'parse', 'certificate is not version 3')
  version.end()
  const serial = integerBytes(reader.next())
  demand(serial.length <= MAX_SERIAL_BYTES, 'parse', 'serial number is too long')
  const innerAlgorithm = reader.next(TAG.sequence)
  // Otherwise an attacker could name another algorithm outside the signed part.
  const equal = equalBytes(innerAlgorithm.raw, outerAlgorithm.raw)
  demand(equal, 'chain', 'certificate names two signature algorithms')
  const issuer = reader.next(TAG.sequence).raw
  const validity = reader.enter()
  const notBefore = time(validity.next())
  const notAfter = time(validity.next())
  validity.end()
  const subject = reader.next(TAG.sequence).raw
  const key = parsePublicKey(reader.next())
  const wrapped = reader.done ? undefined : reader.enter(contextTag(3))
  reader.end()
  const extensions = wrapped === undefined ? new Map() : parseExtensions(wrapped.next())
  wrapped?.end()
  return {
    serial: hex(serial),
    algorithm: parseSignatureAlgorithm(innerAlgorithm),
    issuer,
    subject,
    notBefore,
    notAfter,
    key,
    extensions,
    ca: parseBasicConstraints(extensions.get(OID.basicConstraints)),
    keyUsage: parseKeyUsage(extensions.get(OID.keyUsage)),
  }
}

/** A SEQUENCE of extensions, each at most once. @see RFC 5280 section 4.2 */
export function parseExtensions(node: DerNode): ReadonlyMap<string, Extension> {
  demand(node.tag === TAG.sequence, 'parse', 'extensions expected')
  const reader = new DerReader(node.content)
  const extensions = new Map<string, Extension>()
  while (!reader.done) {
    const fields = reader.enter()
    const id = oid(fields.next())
    const flag = fields.optional(TAG.boolean)
    const critical = flag !== undefined && boolean(flag)
    const value = octets(fields.next())
    fields.end()
    demand(!extensions.has(id), 'parse', `extension ${id} appears twice`)
    extensions.set(id, { critical, value })
    demand(extensions.size <= MAX_EXTENSIONS, 'parse', 'too many extensions')
  }
  return extensions
}

function parseBasicConstraints(extension: Extension | undefined): Certificate['ca'] {
  if (extension === undefined) return undefined
  const reader = new DerReader(readDer(extension.value, TAG.sequence).content)
  const flag = reader.optional(TAG.boolean)
  const length = reader.optional(TAG.integer)
  reader.end()
  if (flag === undefined || !boolean(flag)) return undefined
  return { pathLength: length === undefined ? undefined : smallInteger(length, MAX_PATH_LENGTH) }
}

function parseKeyUsage(extension: Extension | undefined): number | undefined {
  return extension === undefined ? undefined : namedBits(readDer(extension.value))
}
