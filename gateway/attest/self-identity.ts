import type { UnixSeconds } from '#base/brand.ts'
import { hex } from '#base/bytes.ts'
import { gatewaySubject, type Keyset, keysetDigest, type SealingKey, type Signer } from '#protocol'

/** Who this gateway is to those who ask for its evidence: keys that live in this process alone. */
export interface SelfIdentity {
  readonly keyset: Keyset
  readonly digest: string
  readonly madeAt: UnixSeconds
}

/** A TLS key that clients meet, as the keyset binds it. */
export interface TlsKey {
  /** SHA-256 of the SubjectPublicKeyInfo, hex. */
  readonly spkiSha256: string
  readonly domain: string
}

export const SELF_LIFETIME_SECONDS = 12 * 3600

/** @param sealingKeys keys to which something may be sealed for this process alone */
export function createSelfIdentity(
  origin: string,
  signer: Pick<Signer, 'keyId' | 'publicKey'>,
  tlsKeys: readonly TlsKey[],
  now: UnixSeconds,
  sealingKeys: readonly SealingKey[] = [],
): SelfIdentity {
  const keyset: Keyset = {
    subject: gatewaySubject(origin),
    not_after: now + SELF_LIFETIME_SECONDS,
    receipt_signing_keys: [
      { key_id: signer.keyId, algo: 'ed25519', public_key: hex(signer.publicKey) },
    ],
    e2ee_public_keys: sealingKeys.map(({ suite, publicKey }) => ({
      key_id: suite.name,
      algo: suite.name,
      public_key: hex(publicKey),
    })),
    tls_public_keys: tlsKeys.map(({ spkiSha256, domain }) => ({ spki_sha256: spkiSha256, domain })),
  }
  return { keyset, digest: keysetDigest(keyset), madeAt: now }
}
