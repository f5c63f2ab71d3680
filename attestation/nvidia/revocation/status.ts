import type { UnixSeconds } from '#base/brand.ts'
import type { Collateral } from '../../collateral/entry.ts'
import type { Certificate } from '../../der/certificate.ts'
import { parseCrl, verifyCrlSignature } from '../../der/crl.ts'
import { commonName } from '../../der/names.ts'
import type { RevocationSubject } from './subjects.ts'
import { verifyOcspResponse } from './verify-ocsp.ts'

/** What is known about one certificate's revocation. */
export interface RevocationStatus {
  /** Common name, for people. */
  readonly subject: string
  readonly ocsp: RevocationAnswer | undefined
  readonly crl: RevocationAnswer | undefined
}

export interface RevocationAnswer {
  readonly state: 'good' | 'revoked' | 'hold' | 'unknown'
  /** The answer speaks for this span only. */
  readonly from: UnixSeconds
  readonly until: UnixSeconds
}

const CRL_ALGORITHMS = ['ecdsa-sha384', 'ecdsa-sha256'] as const

/** Name of an OCSP answer as collateral. Names only find it: every answer is checked for whom it is about. */
export function ocspName({ certificate, issuer }: RevocationSubject): string {
  return `nvidia/ocsp/${label(issuer)}/${certificate.serial}`
}

export function nvidiaCrlName(issuer: Certificate): string {
  return `nvidia/crl/${label(issuer)}`
}

function label(certificate: Certificate): string {
  return encodeURIComponent(commonName(certificate.subject) ?? 'unnamed')
}

/**
 * Reads the answers at hand about one certificate and verifies that they are authentic.
 * @throws AttestationError ocsp or crl-signature for an answer that is not
 */
export async function revocationStatus(
  subject: RevocationSubject,
  collateral: Collateral,
  now: UnixSeconds,
): Promise<RevocationStatus> {
  return {
    subject: commonName(subject.certificate.subject) ?? 'unnamed',
    ocsp: await ocspAnswer(subject, collateral, now),
    crl: await crlAnswer(subject, collateral),
  }
}

async function ocspAnswer(
  subject: RevocationSubject,
  collateral: Collateral,
  now: UnixSeconds,
): Promise<RevocationAnswer | undefined> {
  const entry = collateral.get(ocspName(subject))
  if (entry === undefined) return undefined
  const { status, thisUpdate, nextUpdate } = await verifyOcspResponse(entry.body, {
    ...subject,
    now,
  })
  return { state: status, from: thisUpdate, until: nextUpdate }
}

async function crlAnswer(
  { certificate, issuer }: RevocationSubject,
  collateral: Collateral,
): Promise<RevocationAnswer | undefined> {
  const entry = collateral.get(nvidiaCrlName(issuer))
  if (entry === undefined) return undefined
  const crl = parseCrl(entry.body)
  await verifyCrlSignature(crl, { issuer, algorithms: CRL_ALGORITHMS })
  const revoked = crl.revoked.has(certificate.serial)
  return { state: revoked ? 'revoked' : 'good', from: crl.thisUpdate, until: crl.nextUpdate }
}
