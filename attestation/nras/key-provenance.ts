import type { UnixSeconds } from '#base/brand.ts'
import { equalBytes } from '#base/bytes.ts'
import { anchorCertificate, type TrustAnchors } from '../anchors.ts'
import type { Certificate } from '../der/certificate.ts'
import { verifyChain } from '../der/chain.ts'
import { AttestationError, demand } from '../errors.ts'
import type { NrasKey } from './keys.ts'

/** Who vouches for a signing key: a pinned root, a chain that is whole but ends in none, or the key set alone. */
export type KeyProvenance = 'pinned-root' | 'own-chain' | 'key-set'

/** Leaves are signed by RSA, intermediates by ECDSA. */
const ALGORITHMS = ['rsa-pkcs1-sha256', 'rsa-pkcs1-sha384', 'ecdsa-sha256', 'ecdsa-sha384'] as const

/**
 * Checks the certificates that came with a key: the first is for this very key, each is issued by the next, and all
 * were valid when the token was issued (leaves live two days; a token may be read later). They must end in a pinned
 * root if there is one.
 * @throws AttestationError token-key
 * @see RFC 7517 section 4.7
 */
export async function keyProvenance(
  { chain, point }: NrasKey,
  { roots }: TrustAnchors['nras'],
  issuedAt: UnixSeconds,
): Promise<KeyProvenance> {
  const [leaf, ...issuers] = chain
  if (leaf === undefined) return 'key-set'
  const same = leaf.key.kind === 'ec' && equalBytes(leaf.key.point, point)
  demand(same, 'token-key', 'certificate is for another key than the key set says')
  const anchors: Certificate[] = roots.map(anchorCertificate)
  const last = issuers.pop()
  if (anchors.length === 0 && last === undefined) return 'key-set'
  try {
    const path = anchors.length > 0 ? chain : [leaf, ...issuers]
    const own = last === undefined ? [] : [last]
    await verifyChain(path, {
      anchors: anchors.length > 0 ? anchors : own,
      now: issuedAt,
      algorithms: ALGORITHMS,
      leaf: 'end-entity',
    })
  } catch (cause) {
    if (!(cause instanceof AttestationError)) throw cause
    throw new AttestationError('token-key', `key certificates: ${cause.message}`, { cause })
  }
  return anchors.length > 0 ? 'pinned-root' : 'own-chain'
}
