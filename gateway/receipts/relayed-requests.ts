import { type Clock, toSeconds, type UnixSeconds } from '#base/brand.ts'
import type { AccountId, KeyId, SessionId } from '../db/ids.ts'

/** What this process saw of a request that it relayed: ids, hashes and a time. */
export interface RelayedRequest {
  /** Of the attempt that answered. */
  readonly receiptId: string
  readonly account: AccountId
  readonly key: KeyId
  readonly endpoint: string
  readonly model: string
  /** The attested session of the runner that answered. */
  readonly session: SessionId
  /** `sha256:<hex>` of the body as the client sent it, as it went to the runner, and of the answer as it left. */
  readonly received: string
  readonly forwarded: string
  readonly returned: string
  /** When the answer ended. */
  readonly servedAt: UnixSeconds
}

/**
 * The latest relayed requests, in memory alone: a bare hash of a short prompt can be guessed, so none is ever on a
 * disk (SPEC.md 8.3), and a disk's owner could write what he likes for an attested gateway to sign.
 */
export interface RelayedRequests {
  note(request: RelayedRequest): void
  find(receiptId: string): RelayedRequest | undefined
}

const MAX_KEPT = 65_536
const KEPT_SECONDS = 3_600

export function createRelayedRequests(clock: Clock): RelayedRequests {
  const kept = new Map<string, RelayedRequest>()
  const drop = (): void => {
    const oldest = toSeconds(clock()) - KEPT_SECONDS
    for (const [id, { servedAt }] of kept) {
      if (servedAt >= oldest && kept.size <= MAX_KEPT) return
      kept.delete(id)
    }
  }
  return {
    note(request) {
      kept.set(request.receiptId, request)
      drop()
    },
    find(receiptId) {
      drop()
      return kept.get(receiptId)
    },
  }
}
