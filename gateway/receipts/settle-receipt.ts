import type { Clock } from '#base/brand.ts'
import {
  type Keyset,
  type MeteredUsage,
  ProtocolError,
  type Provider,
  type Receipt,
  receiptJson,
  verifyReceipt,
} from '#protocol'
import { type AccountId, type RunnerId, requestId, tonAddress } from '../db/ids.ts'
import type { Ledger, SettleRefusal, SettleResult } from '../ledger/port.ts'
import type { Limiter } from '../limits/limiter.ts'
import type { Metrics } from '../metrics.ts'
import type { Proofs } from './proofs.ts'
import type { RecentReceipts } from './recent.ts'

export interface SettleDeps {
  readonly ledger: Ledger
  /** Checks Ed25519 as fast as the platform can. */
  readonly verifier: Pick<Provider, 'verify'>
  readonly recent: RecentReceipts
  readonly proofs: Proofs
  readonly clock: Clock
  readonly metrics: Pick<Metrics, 'settled' | 'refusedReceipt'>
  readonly limiter: Pick<Limiter, 'used'>
}

/** A receipt and what the gateway knows about its origin. */
export interface Claimed {
  readonly receipt: Receipt
  readonly account: AccountId
  readonly runner: RunnerId
  /** The keyset that the receipt cites, of an attested session of this runner. */
  readonly keyset: Keyset
}

/**
 * Why a receipt is not charged: the ledger's reasons, or `signature_invalid` (not the runner's), `receipt_mismatch`
 * (contradicts itself or what was relayed).
 */
export type ReceiptRefusal = SettleRefusal | 'signature_invalid' | 'receipt_mismatch'

export type SettleOutcome =
  | Extract<SettleResult, { ok: true }>
  | { readonly ok: false; readonly code: ReceiptRefusal }

/**
 * Settles one receipt, once however often it comes.
 * 1. its signature and sums  2. whatever else the caller knows, and what was seen of the attempt  3. the ledger, at the reservation's price
 * @param check throws ProtocolError when the receipt contradicts what the caller saw
 */
export async function settleReceipt(
  deps: SettleDeps,
  claimed: Claimed,
  check: (usage: MeteredUsage) => void = () => {},
): Promise<SettleOutcome> {
  const { receipt } = claimed
  let usage: MeteredUsage
  try {
    usage = await verifyReceipt(receipt, claimed.keyset, deps.verifier)
    check(usage)
    if (!deps.proofs.covers(receipt.receipt_id, usage)) {
      throw new ProtocolError('receipt_mismatch', 'receipt claims more than was served')
    }
  } catch (error) {
    if (!(error instanceof ProtocolError)) throw error
    const code = error.code === 'signature_invalid' ? error.code : 'receipt_mismatch'
    deps.metrics.refusedReceipt(code)
    return { ok: false, code }
  }
  const result = await commit(deps, claimed, usage)
  if (!result.ok) {
    deps.metrics.refusedReceipt(result.code)
    return result
  }
  const { cost, share, duplicate } = result
  deps.limiter.used(requestId(usage.request), usage.prompt_tokens + usage.completion_tokens)
  deps.recent.add(receipt.receipt_id, { signature: receipt.signature, cost, share })
  if (!duplicate) deps.metrics.settled(usage, cost)
  return result
}

async function commit(
  deps: SettleDeps,
  { receipt, account, runner }: Claimed,
  usage: MeteredUsage,
): Promise<SettleResult> {
  const { prompt_tokens, cached_tokens, completion_tokens, reasoning_tokens } = usage
  const [result] = await deps.ledger.commit([
    {
      op: 'settle',
      account,
      request: requestId(usage.request),
      attempt: usage.attempt,
      runner,
      payee: tonAddress(usage.payee),
      usage: { prompt_tokens, cached_tokens, completion_tokens, reasoning_tokens },
      stop: usage.stop_reason,
      at: deps.clock(),
      receipt: JSON.stringify(receiptJson(receipt)),
    },
  ])
  return result
}
