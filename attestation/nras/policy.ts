/** What tokens of NVIDIA's attestation service must show. */
export interface NrasPolicy {
  /** Oldest acceptable token, in seconds. */
  readonly maxAgeSeconds: number
  /**
   * Whether a token's key must come with a certificate chain that fits it. The chain ends in a pinned root when the
   * anchors hold one; NVIDIA publishes none, so by default the chain must only be whole in itself.
   */
  readonly keyProvenance: 'certified' | 'unchecked'
  /** Warnings that are tolerated, letter by letter. */
  readonly toleratedWarnings: readonly string[]
}

/** Closed by default. */
export const DEFAULT_NRAS_POLICY: NrasPolicy = {
  maxAgeSeconds: 300,
  keyProvenance: 'certified',
  toleratedWarnings: [],
}
