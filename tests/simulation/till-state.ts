import { type AccountId, DAY_SECONDS, EXIT_LAPSE_SECONDS } from '#contracts'

export interface AccountInTill {
  readonly credit: bigint
  readonly debit: bigint
  readonly paidOut: bigint
  readonly capDay: number
  readonly capSpent: bigint
  readonly nonce: number
  readonly exit: { readonly to: string; readonly at: number } | null
}

/** The contract's data, as contracts/till/storage.tolk has it; keys and addresses are text. */
export interface TillState {
  readonly owed: bigint
  readonly pool: bigint
  readonly held: bigint
  readonly fees: bigint
  readonly orphans: bigint
  readonly orphanNonce: number
  readonly frozenUntil: number
  readonly accounts: ReadonlyMap<AccountId, AccountInTill>
  readonly payees: ReadonlyMap<string, bigint>
  /** By day. */
  readonly buckets: ReadonlyMap<number, bigint>
  readonly meterKey: string
  readonly previous: { readonly key: string; readonly until: number } | null
  readonly pending: {
    readonly key: string
    readonly at: number
    readonly dropPrevious: boolean
  } | null
}

export const NO_ACCOUNT: AccountInTill = {
  credit: 0n,
  debit: 0n,
  paidOut: 0n,
  capDay: 0,
  capSpent: 0n,
  nonce: 0,
  exit: null,
}

export function newTill(meterKey: string): TillState {
  return {
    owed: 0n,
    pool: 0n,
    held: 0n,
    fees: 0n,
    orphans: 0n,
    orphanNonce: 0,
    frozenUntil: 0,
    accounts: new Map(),
    payees: new Map(),
    buckets: new Map(),
    meterKey,
    previous: null,
    pending: null,
  }
}

/** Every bucket whose full days have passed is in the pool. */
export function matured(state: TillState, holdDays: number, now: number): TillState {
  const oldest = Math.floor(now / DAY_SECONDS) - holdDays
  const ripe = [...state.buckets].filter(([day]) => day < oldest)
  if (ripe.length === 0) return state
  const sum = ripe.reduce((all, [, amount]) => all + amount, 0n)
  const buckets = new Map([...state.buckets].filter(([day]) => day >= oldest))
  return { ...state, buckets, held: state.held - sum, pool: state.pool + sum }
}

export const availableOf = ({ credit, debit, paidOut }: AccountInTill): bigint =>
  credit - debit - paidOut

/** 0: none, or lapsed. */
export function exitAtOf({ exit }: AccountInTill, now: number): number {
  return exit === null || now >= exit.at + EXIT_LAPSE_SECONDS ? 0 : exit.at
}

export function capLeftOf(account: AccountInTill, dailyCap: bigint, now: number): bigint {
  if (account.capDay !== Math.floor(now / DAY_SECONDS)) return dailyCap
  return account.capSpent > dailyCap ? 0n : dailyCap - account.capSpent
}

export function liabilitiesOf({ owed, pool, held, fees, orphans }: TillState): bigint {
  return owed + pool + held + fees + orphans
}
