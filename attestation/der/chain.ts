import { type UnixSeconds, unixSeconds } from '#base/brand.ts'
import { equalBytes } from '#base/bytes.ts'
import { AttestationError, demand } from '../errors.ts'
import { type Certificate, KEY_USAGE, OID } from './certificate.ts'
import { commonName, sameName } from './names.ts'
import { type SignatureAlgorithm, verifySignature } from './signature.ts'

export interface ChainOptions {
  /** The pinned roots. Nothing inside the chain is ever an anchor. */
  readonly anchors: readonly Certificate[]
  readonly now: UnixSeconds
  /** Signature algorithms that this vendor uses. */
  readonly algorithms: readonly SignatureAlgorithm['name'][]
  /** What the first certificate is: a device or signer certificate, or an authority (CRL issuers). */
  readonly leaf: 'end-entity' | 'authority'
  /** Critical extensions, beyond the two that are checked here, that the caller evaluates itself. */
  readonly evaluates?: readonly string[]
}

export interface VerifiedChain {
  /** Leaf first, ending in the pinned root itself. */
  readonly path: readonly Certificate[]
  /** The earliest notAfter on the path. */
  readonly validUntil: UnixSeconds
}

const MAX_CHAIN = 8

/**
 * Verifies a chain, leaf first, to a pinned root at `now`:
 * 1. its end is a pinned root (by whole certificate, or by name and key) or is issued by one;
 * 2. every certificate is valid at `now`, with known critical extensions only;
 * 3. every issuer is a CA that may sign certificates, within its path length, and an end entity may sign;
 * 4. every link has equal raw names and a good signature by an accepted algorithm.
 * A root that came with the chain is replaced by the pinned one.
 * @see RFC 5280 section 6.1
 * @throws AttestationError chain, untrusted-root, expired or not-yet-valid
 */
export async function verifyChain(
  chain: readonly Certificate[],
  options: ChainOptions,
): Promise<VerifiedChain> {
  demand(chain.length > 0 && chain.length <= MAX_CHAIN, 'chain', `${chain.length} certificates`)
  const path = anchoredPath(chain, options.anchors)
  for (const certificate of path) {
    checkValidity(certificate, options.now)
    checkCritical(certificate, options.evaluates ?? [])
  }
  checkAuthorities(path, options.leaf)
  for (const [i, certificate] of path.slice(0, -1).entries()) {
    // Sound: i is at most path.length - 2.
    await checkLink(certificate, path[i + 1] as Certificate, options.algorithms)
  }
  const validUntil = unixSeconds(Math.min(...path.map(({ notAfter }) => notAfter)))
  return { path, validUntil }
}

function anchoredPath(
  chain: readonly Certificate[],
  anchors: readonly Certificate[],
): Certificate[] {
  const last = chain[chain.length - 1]
  demand(last !== undefined, 'chain', 'empty chain')
  const same = anchors.find((anchor) => isSameAuthority(anchor, last))
  if (same !== undefined) return [...chain.slice(0, -1), same]
  const issuer = anchors.find((anchor) => sameName(anchor.subject, last.issuer))
  if (issuer === undefined || sameName(last.subject, last.issuer)) {
    const name = commonName(last.issuer) ?? 'unnamed'
    throw new AttestationError('untrusted-root', `chain ends in ${name}, which is not pinned`)
  }
  return [...chain, issuer]
}

function isSameAuthority(anchor: Certificate, certificate: Certificate): boolean {
  return (
    sameName(anchor.subject, certificate.subject) &&
    equalBytes(anchor.key.spki, certificate.key.spki)
  )
}

/** @throws AttestationError expired or not-yet-valid */
function checkValidity(certificate: Certificate, now: UnixSeconds): void {
  const name = commonName(certificate.subject) ?? 'unnamed'
  demand(now >= certificate.notBefore, 'not-yet-valid', `certificate ${name}`)
  demand(now <= certificate.notAfter, 'expired', `certificate ${name}`)
}

function checkCritical(certificate: Certificate, evaluated: readonly string[]): void {
  for (const [id, { critical }] of certificate.extensions) {
    const known = id === OID.basicConstraints || id === OID.keyUsage || evaluated.includes(id)
    demand(!critical || known, 'chain', `critical extension ${id} is not known`)
  }
}

function checkAuthorities(path: readonly Certificate[], leaf: ChainOptions['leaf']): void {
  for (const [i, certificate] of path.entries()) {
    const name = commonName(certificate.subject) ?? 'unnamed'
    if (i === 0 && leaf === 'end-entity') {
      // A pinned root that stands alone is no end entity either.
      demand(certificate.ca === undefined, 'chain', `${name} is a CA, not an end entity`)
      demand(maySign(certificate), 'chain', `${name} may not sign`)
      continue
    }
    demand(certificate.ca !== undefined, 'chain', `${name} is not a CA`)
    const usage = certificate.keyUsage
    const mayCertify = usage === undefined || (usage & KEY_USAGE.keyCertSign) !== 0
    demand(mayCertify, 'chain', `${name} may not sign certificates`)
    // Certificates between this one and the leaf; a leaf that is itself an authority counts.
    const below = leaf === 'end-entity' ? i - 1 : i
    const limit = certificate.ca.pathLength
    demand(limit === undefined || below <= limit, 'chain', `${name} has too long a path below it`)
  }
}

/** Every end entity here vouches for something by its signature. @see RFC 5280 section 4.2.1.3 */
function maySign({ keyUsage }: Certificate): boolean {
  return keyUsage === undefined || (keyUsage & KEY_USAGE.digitalSignature) !== 0
}

async function checkLink(
  certificate: Certificate,
  issuer: Certificate,
  algorithms: ChainOptions['algorithms'],
): Promise<void> {
  const name = commonName(certificate.subject) ?? 'unnamed'
  demand(sameName(certificate.issuer, issuer.subject), 'chain', `${name} has another issuer`)
  const { algorithm, tbs, signature } = certificate
  demand(algorithms.includes(algorithm.name), 'chain', `${name} is signed by ${algorithm.name}`)
  let good = false
  try {
    good = await verifySignature(issuer.key, algorithm, tbs, signature)
  } catch (cause) {
    // A malformed signature is a bad link, whatever its form.
    throw new AttestationError('chain', `signature of ${name} is malformed`, { cause })
  }
  demand(good, 'chain', `signature of ${name} is bad`)
}
