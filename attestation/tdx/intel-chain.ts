import type { UnixSeconds } from '#base/brand.ts'
import { type Bytes, equalBytes, fromHex, fromUtf8 } from '#base/bytes.ts'
import { anchorCertificate } from '../anchors.ts'
import { type Certificate, parseCertificate } from '../der/certificate.ts'
import { verifyChain } from '../der/chain.ts'
import { type Crl, parseCrl, verifyCrl } from '../der/crl.ts'
import { commonName } from '../der/names.ts'
import { parsePem } from '../der/pem.ts'
import { AttestationError, demand, parsing } from '../errors.ts'
import { SGX_EXTENSION } from './pck.ts'
import { INTEL_NAMES, type PckChain } from './pck-chain.ts'

export interface IntelTrust {
  /** Intel SGX Root CA certificates, DER. */
  readonly anchors: readonly Bytes[]
  readonly now: UnixSeconds
}

const ALGORITHMS = ['ecdsa-sha256'] as const

/** The pinned root that an embedded one claims to be: the whole certificate, byte for byte. */
function pinnedRoot(embedded: Bytes, anchors: readonly Bytes[]): Certificate {
  const anchor = anchors.find((candidate) => equalBytes(candidate, embedded))
  demand(anchor !== undefined, 'untrusted-root', 'the chain’s root is not pinned')
  return anchorCertificate(anchor)
}

function checkCertificate(certificate: Certificate, name: string): void {
  const actual = commonName(certificate.subject)
  demand(actual === name, 'chain', `${actual ?? 'unnamed'} in the place of ${name}`)
  const p256 = certificate.key.kind === 'ec' && certificate.key.curve === 'P-256'
  demand(p256, 'chain', `${name} has no P-256 key`)
}

/**
 * A chain of PCK certificate, its authority and the pinned root.
 * @returns the root, and when the first certificate of the chain ends
 */
export async function verifyPckChain(
  { leaf, intermediate, root, authority }: PckChain,
  { anchors, now }: IntelTrust,
): Promise<{ root: Certificate; validUntil: UnixSeconds }> {
  checkCertificate(leaf, INTEL_NAMES.pck)
  checkCertificate(intermediate, INTEL_NAMES[authority])
  const pinned = pinnedRoot(root, anchors)
  const { validUntil } = await verifyChain([leaf, intermediate, pinned], {
    anchors: [pinned],
    now,
    algorithms: ALGORITHMS,
    leaf: 'end-entity',
    evaluates: [SGX_EXTENSION],
  })
  return { root: pinned, validUntil }
}

export interface TcbSigner {
  readonly certificate: Certificate
  readonly root: Certificate
  readonly validUntil: UnixSeconds
}

/**
 * The signer of TCB info and identities, from a response's issuer chain: URL-encoded PEM, signer then root.
 * @see Intel PCS API version 4, TCB-Info-Issuer-Chain
 * @throws AttestationError collateral-chain for every flaw but a certificate outside its dates
 */
export async function verifyTcbSigner(
  header: string | undefined,
  { anchors, now }: IntelTrust,
): Promise<TcbSigner> {
  try {
    const [first, last] = parseIssuerChain(header)
    const certificate = parseCertificate(first)
    checkCertificate(certificate, INTEL_NAMES.tcbSigning)
    const root = pinnedRoot(last, anchors)
    const { validUntil } = await verifyChain([certificate, root], {
      anchors: [root],
      now,
      algorithms: ALGORITHMS,
      leaf: 'end-entity',
    })
    return { certificate, root, validUntil }
  } catch (cause) {
    if (!(cause instanceof AttestationError)) throw cause
    if (cause.code === 'expired' || cause.code === 'not-yet-valid') throw cause
    throw new AttestationError('collateral-chain', cause.message, { cause })
  }
}

function parseIssuerChain(header: string | undefined): readonly [Bytes, Bytes] {
  demand(header !== undefined, 'collateral-chain', 'no issuer chain came with the response')
  const text = parsing('issuer chain', () => decodeURIComponent(header))
  const [first, last, ...more] = parsePem(text, { label: 'CERTIFICATE', max: 2 })
  const two = first !== undefined && last !== undefined && more.length === 0
  demand(two, 'collateral-chain', 'issuer chain is not two certificates')
  return [first, last]
}

/** A CRL in DER, or in the hex text that PCCS serves for the root's. */
export function readCrl(body: Bytes): Crl {
  return parseCrl(crlBytes(body))
}

const DER_SEQUENCE = 0x30

function crlBytes(body: Bytes): Bytes {
  // Hex text of a SEQUENCE starts with the character "3", which is another byte.
  if (body[0] === DER_SEQUENCE) return body
  return parsing('CRL', () => fromHex(fromUtf8(body), { anyCase: true }))
}

/** @throws AttestationError crl-signature or crl-expired */
export async function verifyIntelCrl(
  body: Bytes,
  issuer: Certificate,
  now: UnixSeconds,
): Promise<Crl> {
  const crl = readCrl(body)
  await verifyCrl(crl, { issuer, now, algorithms: ALGORITHMS })
  return crl
}
