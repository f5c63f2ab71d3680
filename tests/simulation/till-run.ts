import { Address, type Cell, type Slice } from '@ton/core'
import {
  type AccountId,
  accountIdFromNumber,
  accountMode,
  DAY_SECONDS,
  TILL_EXIT,
  type TillConfig,
} from '#contracts'
import {
  type AccountInTill,
  availableOf,
  capLeftOf,
  matured,
  type TillState,
} from './till-state.ts'

/** What a message costs here, out of its own value: less than the Till's fee for a deposit. */
export const GAS = 3_000_000n
const BPS = 10_000n
export const MODE_BIT = 151n

export interface TillRules extends Omit<TillConfig, 'meterKey'> {
  /** Its own address. */
  readonly address: string
  readonly verify: (hash: Buffer, signature: Buffer, key: string) => boolean
}

export interface TillMessage {
  readonly from: string
  readonly value: bigint
  readonly bounce: boolean
  readonly body: Cell
}

export type TillOutcome =
  | { readonly ok: true; readonly state: TillState; readonly out: readonly Payment[] }
  | { readonly ok: false; readonly exitCode: number }

export interface Payment {
  readonly to: string
  readonly value: bigint
}

/** A message that the contract throws at. */
export class Refusal extends Error {
  readonly exitCode: number

  constructor(reason: keyof typeof TILL_EXIT) {
    super(reason)
    this.exitCode = TILL_EXIT[reason]
  }
}

export function need(holds: boolean, reason: keyof typeof TILL_EXIT): void {
  if (!holds) throw new Refusal(reason)
}

/** Everything that a handler needs; it changes `state` and `out`. */
export interface Run {
  readonly rules: TillRules
  readonly message: TillMessage
  readonly now: number
  state: TillState
  out: Payment[]
}

export function mustGet({ state }: Run, id: AccountId): AccountInTill {
  const account = state.accounts.get(id)
  if (account === undefined) throw new Refusal('NoAccount')
  return account
}

export function setAccount(run: Run, id: AccountId, account: AccountInTill): void {
  run.state = { ...run.state, accounts: new Map(run.state.accounts).set(id, account) }
}

export function debit(run: Run, id: AccountId, cumulative: bigint): bigint {
  const account = run.state.accounts.get(id)
  if (account === undefined) return 0n
  const isManaged = accountMode(id) === 'managed'
  const left = capLeftOf(account, run.rules.dailyCap, run.now)
  let amount = least(cumulative, account.credit - account.paidOut) - account.debit
  if (isManaged) amount = least(amount, left)
  if (amount <= 0n) return 0n
  const cap = isManaged
    ? {
        capDay: Math.floor(run.now / DAY_SECONDS),
        capSpent: run.rules.dailyCap - left + amount,
      }
    : {}
  setAccount(run, id, { ...account, ...cap, debit: account.debit + amount })
  run.state = { ...run.state, owed: run.state.owed - amount }
  return amount
}

export function share(
  run: Run,
  collected: bigint,
  { feeBps, holdDays }: { readonly feeBps: number; readonly holdDays: number },
): void {
  if (collected === 0n) return
  const fee = (collected * BigInt(feeBps)) / BPS
  const rest = collected - fee
  const { state } = run
  if (holdDays === 0) {
    run.state = { ...state, fees: state.fees + fee, pool: state.pool + rest }
    return
  }
  const today = Math.floor(run.now / DAY_SECONDS)
  const buckets = new Map(state.buckets).set(today, (state.buckets.get(today) ?? 0n) + rest)
  run.state = { ...state, fees: state.fees + fee, held: state.held + rest, buckets }
}

export function mature(run: Run): void {
  run.state = matured(run.state, run.rules.holdDays, run.now)
}

export function leave(run: Run, id: AccountId, account: AccountInTill): void {
  const rest = availableOf(account)
  const to = account.exit?.to ?? ''
  setAccount(run, id, { ...account, paidOut: account.paidOut + rest, exit: null })
  run.state = { ...run.state, owed: run.state.owed - rest }
  if (rest > 0n) payOut(run, to, rest, 0n)
  else returnExcess(run)
}

export function payOut(run: Run, to: string, value: bigint, keep: bigint): void {
  run.out.push({ to, value })
  run.out.push({ to: run.message.from, value: run.message.value - GAS - keep })
}

export function returnExcess(run: Run): void {
  run.out.push({ to: run.message.from, value: run.message.value - GAS })
}

/** The order's slice after its tag and the Till's address. */
export function tagged(run: Run, cell: Cell): Slice {
  const slice = cell.beginParse().skip(32)
  ownTill(run, slice.loadAddress().toRawString())
  return slice
}

export function keysIn(cell: Cell) {
  const slice = cell.beginParse()
  const owner = slice.loadMaybeAddress()?.toRawString() ?? null
  const key = () => (slice.loadBit() ? slice.loadBuffer(32).toString('hex') : null)
  return { owner, ownerKey: key(), spendKey: key() }
}

export const prefixOf = (keys: Cell): bigint =>
  BigInt(`0x${keys.hash().toString('hex')}`) >> (256n - MODE_BIT)

export function ownersOrder(run: Run, body: Slice) {
  const keysCell = body.loadRef()
  const cell = body.loadRef()
  const signature = body.loadMaybeRef()
  const order = tagged(run, cell)
  const number = order.loadUintBig(152)
  need((number & ((1n << MODE_BIT) - 1n)) === prefixOf(keysCell), 'NoAccount')
  const { owner, ownerKey } = keysIn(keysCell)
  if (signature === null) need(owner !== null && owner === run.message.from, 'NotOwner')
  else {
    need(ownerKey !== null, 'NotOwner')
    assertSigned(run, cell, signature.beginParse().loadBuffer(64), ownerKey ?? '')
  }
  const id = accountIdFromNumber(number)
  return { id, account: mustGet(run, id), order }
}

export function assertMetered(run: Run, cell: Cell, signature: Buffer): void {
  const { previous } = run.state
  if (previous !== null && run.now < previous.until) {
    if (run.rules.verify(cell.hash(), signature, previous.key)) return
  }
  assertSigned(run, cell, signature, run.state.meterKey)
}

export function assertSigned(run: Run, cell: Cell, signature: Buffer, key: string): void {
  need(run.rules.verify(cell.hash(), signature, key), 'BadSignature')
}

export function ownTill({ rules }: Run, till: string): void {
  need(till === rules.address, 'WrongTill')
}

export function feeAllowed({ rules }: Run, feeBps: number): void {
  need(feeBps <= rules.maxFeeBps, 'FeeTooHigh')
}

export function notFrozen({ state, now }: Run): void {
  need(now >= state.frozenUntil, 'Frozen')
}

export function fromAdmin({ rules, message }: Run): void {
  need(message.from === Address.parse(rules.admin).toRawString(), 'NotAdmin')
}

export function least(a: bigint, b: bigint): bigint {
  return a < b ? a : b
}
