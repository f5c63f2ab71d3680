import type { UnixSeconds } from '#base/brand.ts'
import type { Bytes } from '#base/bytes.ts'

/**
 * One object that a vendor publishes, as received. Its name says what it is about and never where it
 * came from (`amd/crl/vcek/Milan`, `intel/tcb/tdx/00806f050000`), so that a cache, a bundle and a
 * provider all mean the same thing by it. Verified on every use: a store is never trusted.
 */
export interface CollateralEntry {
  readonly name: string
  readonly body: Bytes
  /** The response headers that verification needs (issuer chains), names in lower case. */
  readonly headers: Readonly<Record<string, string>>
  readonly fetchedAt: UnixSeconds
}

/** All the collateral at hand, by name. */
export type Collateral = ReadonlyMap<string, CollateralEntry>

export const NO_COLLATERAL: Collateral = new Map()

/** What a technology still needs, and how to ask the vendor for it. */
export interface CollateralRequest {
  readonly name: string
  /** Absolute URL, built from the settings' base; its host must be on the settings' allow-list. */
  readonly url: string
  readonly method: 'GET' | 'POST'
  readonly body?: Bytes
  /** Headers to send, names in lower case. */
  readonly send?: Readonly<Record<string, string>>
  /** Response headers to keep, in lower case. */
  readonly keep: readonly string[]
  /** Largest accepted body, in bytes. */
  readonly maxBytes: number
  /**
   * When the object ends and how long it may be served before it is fetched again, from its own bytes.
   * Throws AttestationError for an object that cannot be what was asked for.
   */
  readonly lifetime: (entry: CollateralEntry) => CollateralLifetime
  /** Judges a fresh answer only (an OCSP nonce); throws AttestationError. A kept one lives by its dates. */
  readonly accept?: (entry: CollateralEntry) => void
}

export interface CollateralLifetime {
  /** When the vendor signed it, by its own word; undefined: it says nothing of it. */
  readonly issued?: UnixSeconds | undefined
  /** Never used after this time; undefined: it does not expire. */
  readonly expires: UnixSeconds | undefined
  /** Fetched again in the background from this time on; undefined: never. */
  readonly refresh: UnixSeconds | undefined
  /** The vendor's own counter (CRL number, evaluation number): a lower one than kept is not taken. */
  readonly sequence?: bigint | undefined
}
