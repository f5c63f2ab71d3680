import type { UnixMs, UnixSeconds } from '#base/brand.ts'
import type { AccountId, RequestId } from '../../db/ids.ts'
import type { Ok, Refused } from './common.ts'

/** Uses a signed statement's nonce up, for as long as the statement would be taken. Survives a restart. */
export interface UseNonce {
  readonly op: 'use_nonce'
  readonly account: AccountId
  readonly nonce: string
  readonly expires: UnixSeconds
}
export type UseNonceResult = Ok | Refused<'used'>

/**
 * Takes an idempotency key for one request (H21): hashes of the key and of the request, under a key of the gateway, so that
 * the store tells nothing of either.
 */
export interface ClaimOnce {
  readonly op: 'claim_once'
  readonly account: AccountId
  readonly name: string
  readonly fingerprint: string
  readonly request: RequestId
  readonly expires: UnixSeconds
  readonly at: UnixMs
}
/** `repeat`: the same request was taken before, `reused`: another one was, under the same key. */
export type ClaimOnceResult =
  | Ok
  | (Refused<'repeat' | 'reused'> & {
      readonly request: RequestId
      /** The attempt that answered, as far as is known. */
      readonly attempt: number
      /** `open`: it runs, or its receipt is not in yet; `unknown`: nothing of it is held or settled. */
      readonly state: 'open' | 'settled' | 'unknown'
    })

/**
 * Frees a key whose request came to nothing, with no hold and no settlement, so that it may be sent again. `evenIfHeld`:
 * also while its hold waits for a receipt.
 */
export interface DropClaim {
  readonly op: 'drop_claim'
  readonly account: AccountId
  readonly name: string
  readonly request: RequestId
  readonly evenIfHeld: boolean
}
