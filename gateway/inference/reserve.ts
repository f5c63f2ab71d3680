import { toSeconds, type UnixMs, unixSeconds } from '#base/brand.ts'
import { formatTon, type Nano, ZERO_NANO } from '#base/nano.ts'
import { receiptId } from '#protocol'
import type { AccountId, KeyId, RequestId } from '../db/ids.ts'
import { ApiError, type ApiErrorCode } from '../errors.ts'
import type {
  BudgetPeriod,
  Ledger,
  ReserveRefusal,
  ReserveResult,
  SpentBudget,
  Terms,
} from '../ledger/port.ts'
import type { Limiter } from '../limits/limiter.ts'
import type { Proofs } from '../receipts/proofs.ts'

/** A hold lasts until its receipt, or this long (H20). */
const HOLD_SECONDS = 6 * 3600

export interface Reservation {
  readonly account: AccountId
  readonly key: KeyId
  readonly request: RequestId
  readonly attempt: number
  readonly amount: Nano
  readonly terms: Terms
  readonly at: UnixMs
}

/** Where an account's owner tops up. */
export type TopUpUrl = (account: AccountId) => string

interface ReserveDeps {
  readonly ledger: Ledger
  readonly topUpUrl: TopUpUrl
  readonly limiter: Pick<Limiter, 'used'>
  readonly proofs: Pick<Proofs, 'close'>
}

/**
 * Holds the amount, giving back the attempt before it in the same transaction: a request never holds twice.
 * @param failed number of the attempt that this one replaces
 * @returns what the account has left for further requests; when it is refused, the tokens taken for it are given back
 * @throws ApiError 402 or 403
 */
export async function reserve(
  deps: ReserveDeps,
  reservation: Reservation,
  failed: number | undefined,
): Promise<Nano> {
  try {
    const result = await hold(deps.ledger, reservation, failed)
    if (failed !== undefined) deps.proofs.close(receiptId(reservation.request, failed))
    if (!result.ok) throw refusal(result, reservation, deps.topUpUrl)
    return result.available
  } catch (error) {
    deps.limiter.used(reservation.request, 0)
    throw error
  }
}

async function hold(
  ledger: Ledger,
  reservation: Reservation,
  failed: number | undefined,
): Promise<ReserveResult> {
  const { account, request, at } = reservation
  const op = {
    op: 'reserve',
    ...reservation,
    deadline: unixSeconds(toSeconds(at) + HOLD_SECONDS),
  } as const
  if (failed === undefined) return (await ledger.commit([op]))[0]
  const release = { op: 'release', account, request, attempt: failed, at } as const
  return (await ledger.commit([release, op]))[1]
}

/**
 * Nobody waits for a runner who has nothing to pay it with: accounts cost nothing to make, places in the queue do.
 * @throws ApiError 402
 */
export async function requireFunds(
  { ledger, topUpUrl }: Pick<ReserveDeps, 'ledger' | 'topUpUrl'>,
  account: AccountId,
): Promise<void> {
  const [read] = await ledger.commit([{ op: 'read_account', account }])
  if (read.ok && read.account.available > ZERO_NANO) return
  const url = topUpUrl(account)
  throw new ApiError(
    'insufficient_credits',
    `Insufficient credits: nothing is available. Top up at ${url}`,
    {
      extra: { available: '0', account, top_up_url: url },
    },
  )
}

const CODES = {
  insufficient_credits: 'insufficient_credits',
  daily_cap: 'daily_cap',
  cheque_due: 'cheque_due',
  key_budget: 'key_budget_exceeded',
  account_closed: 'account_closed',
  unknown_account: 'account_closed',
  duplicate: 'internal_error',
} as const satisfies Record<ReserveRefusal, ApiErrorCode>

function refusal(
  { code, available, budget }: Extract<ReserveResult, { ok: false }>,
  { account, amount }: Reservation,
  topUpUrl: TopUpUrl,
): ApiError {
  const url = topUpUrl(account)
  const numbers = { required: amount.toString(), available: available.toString() }
  const messages = {
    insufficient_credits: `Insufficient credits: this request may cost up to ${formatTon(amount)} TON and ${formatTon(available)} TON are available. Top up at ${url} or lower max_tokens`,
    daily_cap: `The account's daily cap on chain is used up; it renews by itself. See ${url}`,
    cheque_due:
      'A sovereign account sends a cheque before more may be used: POST /v1/account/cheques',
    key_budget: `This key may spend ${formatTon(budget?.most ?? ZERO_NANO)} TON ${PERIODS[budget?.period ?? 'total']}; this request may cost up to ${formatTon(amount)} TON and ${formatTon(budget?.used ?? ZERO_NANO)} TON are spent or held. Raise the key's budget or lower max_tokens`,
    account_closed: 'This account is being closed: an exit is under way on chain',
    unknown_account: 'This account is unknown',
    duplicate: 'The gateway failed to serve this request',
  } satisfies Record<ReserveRefusal, string>
  return new ApiError(CODES[code], messages[code], {
    extra: { ...numbers, account, top_up_url: url, ...budgetOf(budget) },
  })
}

const PERIODS = {
  total: 'in all',
  day: 'a day',
  week: 'a week',
  month: 'a month',
} as const satisfies Record<BudgetPeriod, string>

function budgetOf(budget: SpentBudget | undefined) {
  if (budget === undefined) return {}
  const { period, most, used, resets } = budget
  const resets_at = resets === null ? null : Math.floor(resets / 1000)
  return { budget: { period, limit: most.toString(), used: used.toString(), resets_at } }
}
