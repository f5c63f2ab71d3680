import type { UnixSeconds } from '#base/brand.ts'
import { type Nano, nano, ZERO_NANO } from '#base/nano.ts'
import { MAX_BATCH } from '#contracts'
import type { AccountId, TonAddress } from '../db/ids.ts'

/** When paper is worth its gas. */
export interface CashierPolicy {
  /** A charge collects at least this in all, unless an account is urgent. */
  readonly minCharge: Nano
  /** An account with this much uncollected is charged at once (H1). */
  readonly urgent: Nano
  /** A redeem pays at least this. */
  readonly minRedeem: Nano
}

/** What a redeem pays at least when the meter key is about to change: more than its gas (H5). */
const HURRIED_REDEEM: Nano = nano(20_000_000n)

export interface AccountDue {
  readonly id: AccountId
  /** As far as the account's money reaches: the Till takes no more. */
  readonly settled: Nano
  readonly collected: Nano
  /** What the meter may still take in this window. */
  readonly capLeft: Nano
  /** An armed exit: what is not charged before it is lost. */
  readonly exitAt: UnixSeconds | null
}

export interface ChequeDue {
  readonly id: AccountId
  readonly settled: Nano
  readonly collected: Nano
  /** The owner's latest cheque. */
  readonly cheque: Nano
  /** An armed exit: what is not collected before it is lost. */
  readonly exitAt: UnixSeconds | null
}

export interface HostDue {
  readonly payee: TonAddress
  readonly collected: Nano
  readonly vouchered: Nano
  readonly redeemed: Nano
}

export interface CashierView {
  /** Managed accounts with uncollected usage. */
  readonly accounts: readonly AccountDue[]
  /** Sovereign accounts with a cheque above what is collected. */
  readonly cheques: readonly ChequeDue[]
  readonly hosts: readonly HostDue[]
  /** What vouchers could take from the Till now. */
  readonly pool: Nano
  /** Accounts and payees whose message is on its way. */
  readonly pending: ReadonlySet<string>
  /** Whether the Till takes no charge and no voucher at present, whoever signed it. */
  readonly frozen: boolean
  /** Whether it honours what our meter key signs. */
  readonly honoured: boolean
  /** A new meter key is announced: what the present one signed is redeemed while it counts (H5). */
  readonly rotating: boolean
  /** Whether what is only worth its gas may leave now, or waits for its random moment (M15). */
  readonly unhurried: boolean
}

export type CashierCommand =
  | { readonly do: 'charge'; readonly items: readonly ChargeItem[] }
  | { readonly do: 'cheque'; readonly account: AccountId }
  | { readonly do: 'voucher'; readonly payee: TonAddress; readonly cumulative: Nano }
  | { readonly do: 'redeem'; readonly payee: TonAddress; readonly cumulative: Nano }

export interface ChargeItem {
  readonly account: AccountId
  readonly cumulative: Nano
}

/**
 * What to sign and send next. Every amount is cumulative, so that a command done twice, or again after a crash, moves
 * nothing twice.
 */
export function decideCashier(view: CashierView, said: CashierPolicy): CashierCommand[] {
  const policy = view.rotating
    ? { ...said, minRedeem: least(said.minRedeem, HURRIED_REDEEM) }
    : said
  return [
    ...decideCharges(view, policy),
    ...decideCheques(view, policy),
    ...decideVouchers(view),
    ...decideRedeems(view, policy),
  ]
}

function decideCharges(view: CashierView, policy: CashierPolicy): CashierCommand[] {
  if (view.frozen || !view.honoured) return []
  const due = view.accounts
    .filter(({ id, capLeft }) => capLeft > ZERO_NANO && !view.pending.has(id))
    .toSorted((a, b) => (takes(a) < takes(b) ? 1 : -1))
  const isUrgent = (account: AccountDue): boolean =>
    account.exitAt !== null || account.settled - account.collected >= policy.urgent
  const batches = chunk(due, MAX_BATCH).filter(
    (batch) =>
      (view.unhurried && sum(batch.map(takes)) >= policy.minCharge) || batch.some(isUrgent),
  )
  return batches.map((batch) => ({
    do: 'charge',
    items: batch.map(({ id, settled }) => ({ account: id, cumulative: settled })),
  }))
}

/** What the Till would take for a charge of everything settled. */
function takes({ settled, collected, capLeft }: AccountDue): Nano {
  const due = nano(settled - collected)
  return due < capLeft ? due : capLeft
}

/**
 * A cheque beyond what was used would collect more than the owner owes: it waits. Not when the owner leaves or owes much:
 * it is the owner's own word, and whoever always signs ahead must not use everything and leave with everything.
 */
function decideCheques(view: CashierView, policy: CashierPolicy): CashierCommand[] {
  const isHurried = ({ settled, collected, exitAt }: ChequeDue): boolean =>
    settled > collected && (exitAt !== null || settled - collected >= policy.urgent)
  const isWorth = ({ cheque, settled, collected }: ChequeDue): boolean =>
    view.unhurried && cheque <= settled && cheque - collected >= policy.minCharge
  return view.cheques
    .filter(({ id }) => !view.pending.has(id))
    .filter((due) => isHurried(due) || isWorth(due))
    .map(({ id }) => ({ do: 'cheque', account: id }))
}

/** A voucher costs no gas: as soon as more is collected, and never for more (H1). */
function decideVouchers(view: CashierView): CashierCommand[] {
  // A word that the Till does not honour would only hide the last one that it does.
  if (!view.honoured) return []
  return view.hosts
    .filter(({ collected, vouchered }) => collected > vouchered)
    .map(({ payee, collected }) => ({ do: 'voucher', payee, cumulative: collected }))
}

/** The pool may not reach for all: each that is paid leaves less for the next. */
function decideRedeems(view: CashierView, policy: CashierPolicy): CashierCommand[] {
  let pool: bigint = view.pool
  const commands: CashierCommand[] = []
  if (view.frozen || !view.honoured) return commands
  if (!view.unhurried && !view.rotating) return commands
  for (const { payee, collected, redeemed } of view.hosts) {
    const owed = collected - redeemed
    const pays = owed < pool ? owed : pool
    if (pays <= 0n || pays < policy.minRedeem || view.pending.has(payee)) continue
    pool -= pays
    commands.push({ do: 'redeem', payee, cumulative: collected })
  }
  return commands
}

export function least(a: Nano, b: Nano): Nano {
  return a < b ? a : b
}

function sum(amounts: readonly Nano[]): Nano {
  return nano(amounts.reduce((total, amount) => total + amount, 0n))
}

function chunk<T>(items: readonly T[], size: number): T[][] {
  return Array.from({ length: Math.ceil(items.length / size) }, (_, i) =>
    items.slice(i * size, (i + 1) * size),
  )
}
