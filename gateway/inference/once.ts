import { type Clock, toSeconds, unixSeconds } from '#base/brand.ts'
import { hex, utf8 } from '#base/bytes.ts'
import { type MacKey, receiptId } from '#protocol'
import type { AccountId, RequestId } from '../db/ids.ts'
import { ApiError } from '../errors.ts'
import type { ClaimOnceResult, Ledger } from '../ledger/port.ts'

/** How long an idempotency key is remembered. */
const KEY_SECONDS = 24 * 3_600
const KEY = /^[\x20-\x7e]{1,255}$/

export interface OnceDeps {
  readonly ledger: Ledger
  /** Hashes idempotency keys and requests, so that the store tells nothing of either (H21). */
  readonly onceKey: MacKey
}

export interface OnceRequest {
  readonly account: AccountId
  readonly id: RequestId
  readonly path: string
  /** The body, where two of the same request are equal; sealed ones never are. */
  readonly body: readonly Uint8Array[] | undefined
}

/** What a request took with its `Idempotency-Key`. */
export interface Claim {
  /**
   * The exchange has ended: the key is free again when nothing of it is held or charged, or when the client got an error
   * that it may retry.
   */
  end(failed: boolean): Promise<void>
}

/**
 * Takes an idempotency key for this request. A repeat, while the first one runs or afterwards, gets the receipt's id and
 * no answer: answers are not kept.
 * @throws ApiError `invalid_request`, `idempotent_repeat`, `idempotency_key_reused`
 */
export async function claimOnce(
  deps: OnceDeps & { readonly clock: Clock },
  key: unknown,
  { account, id, path, body }: OnceRequest,
): Promise<Claim> {
  if (typeof key !== 'string' || !KEY.test(key)) {
    throw new ApiError('invalid_request', 'Idempotency-Key takes 1 to 255 printable characters', {
      param: 'Idempotency-Key',
    })
  }
  const at = deps.clock()
  const name = hex(deps.onceKey.mac(utf8(`name\0${account}\0${key}`)))
  const kind = body === undefined ? 'sealed' : 'plain'
  const of = utf8(`request\0${account}\0${kind}\0${path}\0`)
  const fingerprint = hex(deps.onceKey.mac(of, ...(body ?? [])))
  const expires = unixSeconds(toSeconds(at) + KEY_SECONDS)
  const [claimed] = await deps.ledger.commit([
    { op: 'claim_once', account, name, fingerprint, request: id, expires, at },
  ])
  if (!claimed.ok) throw repeat(claimed)
  return {
    end: async (failed) => {
      await deps.ledger.commit([
        { op: 'drop_claim', account, name, request: id, evenIfHeld: failed },
      ])
    },
  }
}

function repeat({ code, request, attempt, state }: Extract<ClaimOnceResult, { ok: false }>) {
  const receipt_id = receiptId(request, attempt)
  const extra = { receipt_id, state }
  const headers = { 'x-receipt-id': receipt_id }
  return code === 'repeat'
    ? new ApiError(
        'idempotent_repeat',
        'This request was taken before: answers are not kept, its receipt is',
        { extra, headers },
      )
    : new ApiError('idempotency_key_reused', 'Another request was sent with this Idempotency-Key', {
        extra,
        headers,
      })
}
