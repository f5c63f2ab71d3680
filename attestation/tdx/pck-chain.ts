import { type Bytes, fromUtf8 } from '#base/bytes.ts'
import { type Certificate, parseCertificate } from '../der/certificate.ts'
import { commonName } from '../der/names.ts'
import { parsePem } from '../der/pem.ts'
import { AttestationError, demand, parsing } from '../errors.ts'
import { type PckFacts, readPck } from './pck.ts'

/** Intel's two authorities for provisioning certification keys; each has its own revocation list. */
export type PckAuthority = 'platform' | 'processor'

/** The chain that a quote carries: parsed, not yet believed. */
export interface PckChain {
  readonly leaf: Certificate
  readonly intermediate: Certificate
  /** The embedded root, DER: only ever compared with the pinned one. */
  readonly root: Bytes
  readonly authority: PckAuthority
  readonly pck: PckFacts
}

/** @see Intel SGX PCK Certificate and CRL Profile, sections 1.1 to 1.3 */
export const INTEL_NAMES = {
  root: 'Intel SGX Root CA',
  platform: 'Intel SGX PCK Platform CA',
  processor: 'Intel SGX PCK Processor CA',
  pck: 'Intel SGX PCK Certificate',
  tcbSigning: 'Intel SGX TCB Signing',
} as const

const CHAIN_LENGTH = 3

/** Parses a PEM chain of exactly leaf, authority and root, in that order. */
export function parsePckChain(text: Bytes): PckChain {
  return parsing('PCK chain', () => {
    const ders = parsePem(fromUtf8(text), { label: 'CERTIFICATE', max: CHAIN_LENGTH })
    const [first, second, root] = ders
    if (first === undefined || second === undefined || root === undefined) {
      throw new AttestationError('chain', `PCK chain of ${ders.length} certificates`)
    }
    const leaf = parseCertificate(first)
    const intermediate = parseCertificate(second)
    return { leaf, intermediate, root, authority: authorityOf(leaf), pck: readPck(leaf) }
  })
}

/** Never guessed: an unknown issuer has no revocation list that we could check. */
function authorityOf(leaf: Certificate): PckAuthority {
  const name = commonName(leaf.issuer)
  if (name === INTEL_NAMES.platform) return 'platform'
  demand(name === INTEL_NAMES.processor, 'chain', `PCK issuer ${name ?? 'unnamed'} is not known`)
  return 'processor'
}
