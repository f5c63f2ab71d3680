import type { UnixSeconds } from '#base/brand.ts'
import { type Bytes, equalBytes, hex } from '#base/bytes.ts'
import { AttestationError, demand, parsing } from '../errors.ts'
import { type Certificate, type Extension, KEY_USAGE, OID, parseExtensions } from './certificate.ts'
import { commonName, sameName } from './names.ts'
import { contextTag, type DerNode, DerReader, readDer, TAG } from './reader.ts'
import { parseSignatureAlgorithm, type SignatureAlgorithm, verifySignature } from './signature.ts'
import { integerBytes, smallInteger, time, unsignedBytes, wholeBits } from './values.ts'

/** An X.509 version 2 certificate revocation list. */
export interface Crl {
  readonly raw: Bytes
  readonly tbs: Bytes
  readonly algorithm: SignatureAlgorithm
  readonly issuer: Bytes
  readonly thisUpdate: UnixSeconds
  readonly nextUpdate: UnixSeconds
  /** CRL number; undefined when the extension is absent. */
  readonly number: bigint | undefined
  /** Revoked serial numbers, in the form of `Certificate.serial`. */
  readonly revoked: ReadonlySet<string>
  readonly extensions: ReadonlyMap<string, Extension>
  readonly signature: Bytes
}

const MAX_CRL_BYTES = 1_048_576

/** @see RFC 5280 section 5.1 */
export function parseCrl(der: Bytes): Crl {
  return parsing('CRL', () => {
    demand(der.length <= MAX_CRL_BYTES, 'too-large', `CRL of ${der.length} bytes`)
    const outer = new DerReader(readDer(der, TAG.sequence).content)
    const tbs = outer.next(TAG.sequence)
    const outerAlgorithm = outer.next(TAG.sequence)
    const signature = wholeBits(outer.next())
    outer.end()
    return { raw: der, tbs: tbs.raw, signature, ...parseTbs(tbs, outerAlgorithm) }
  })
}

function parseTbs(tbs: DerNode, outerAlgorithm: DerNode): Omit<Crl, 'raw' | 'tbs' | 'signature'> {
  const reader = new DerReader(tbs.content)
  demand(smallInteger(reader.next(), 1) === 1, 'parse', 'CRL is not version 2')
  const inner = reader.next(TAG.sequence)
  const equal = equalBytes(inner.raw, outerAlgorithm.raw)
  demand(equal, 'crl-signature', 'CRL names two signature algorithms')
  const issuer = reader.next(TAG.sequence).raw
  const thisUpdate = time(reader.next())
  // Optional in RFC 5280, but a list without an end could be replayed for ever.
  const nextUpdate = time(reader.next())
  const entries = reader.optional(TAG.sequence)
  const wrapped = reader.optional(contextTag(0))
  reader.end()
  const extensions: ReadonlyMap<string, Extension> =
    wrapped === undefined ? new Map() : parseExtensions(readDer(wrapped.content))
  const number = extensions.get(OID.crlNumber)
  return {
    algorithm: parseSignatureAlgorithm(inner),
    issuer,
    thisUpdate,
    nextUpdate,
    number: number === undefined ? undefined : crlNumber(number),
    revoked: entries === undefined ? new Set() : parseEntries(entries),
    extensions,
  }
}

function crlNumber(extension: Extension): bigint {
  return BigInt(`0x${hex(unsignedBytes(readDer(extension.value)))}`)
}

function parseEntries(node: DerNode): ReadonlySet<string> {
  const reader = new DerReader(node.content)
  const revoked = new Set<string>()
  while (!reader.done) {
    const entry = reader.enter()
    const serial = integerBytes(entry.next())
    time(entry.next())
    const extensions = entry.done ? undefined : parseExtensions(entry.next())
    entry.end()
    // A critical entry extension (certificateIssuer) would change whose serial this is.
    for (const [id, { critical }] of extensions ?? []) {
      demand(!critical, 'parse', `critical CRL entry extension ${id}`)
    }
    revoked.add(hex(serial))
  }
  return revoked
}

export interface CrlOptions {
  readonly issuer: Certificate
  readonly now: UnixSeconds
  readonly algorithms: readonly SignatureAlgorithm['name'][]
}

/**
 * Verifies a list under its issuer's already verified certificate: name, right to sign, signature, dates.
 * @returns the time at which the list ends
 * @throws AttestationError crl-signature or crl-expired
 * @see RFC 5280 section 6.3.3
 */
export async function verifyCrl(crl: Crl, options: CrlOptions): Promise<UnixSeconds> {
  await verifyCrlSignature(crl, options)
  checkCrlDates(crl, options.now)
  return crl.nextUpdate
}

/** @throws AttestationError crl-signature */
export async function verifyCrlSignature(
  crl: Crl,
  { issuer, algorithms }: Omit<CrlOptions, 'now'>,
): Promise<void> {
  const name = commonName(issuer.subject) ?? 'unnamed'
  demand(sameName(crl.issuer, issuer.subject), 'crl-signature', `CRL is not issued by ${name}`)
  const usage = issuer.keyUsage
  const maySign = usage === undefined || (usage & KEY_USAGE.crlSign) !== 0
  demand(maySign, 'crl-signature', `${name} may not sign CRLs`)
  for (const [id, { critical }] of crl.extensions) {
    demand(!critical, 'crl-signature', `critical CRL extension ${id} is not known`)
  }
  const accepted = algorithms.includes(crl.algorithm.name)
  demand(accepted, 'crl-signature', `CRL is signed by ${crl.algorithm.name}`)
  let good = false
  try {
    good = await verifySignature(issuer.key, crl.algorithm, crl.tbs, crl.signature)
  } catch (cause) {
    throw new AttestationError('crl-signature', 'CRL signature is malformed', { cause })
  }
  demand(good, 'crl-signature', 'CRL signature is bad')
}

/** @throws AttestationError crl-expired */
function checkCrlDates(crl: Crl, now: UnixSeconds): void {
  demand(now >= crl.thisUpdate, 'crl-expired', 'CRL is from the future')
  demand(now <= crl.nextUpdate, 'crl-expired', 'CRL is past its next update')
}

/** @throws AttestationError revocation */
export function checkNotRevoked(crl: Crl, certificate: Certificate): void {
  const name = commonName(certificate.subject) ?? 'unnamed'
  demand(!crl.revoked.has(certificate.serial), 'revocation', `certificate ${name} is revoked`)
}
