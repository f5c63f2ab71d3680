import { Address, type Cell, type Slice } from '@ton/core'
import {
  type AccountId,
  accountIdFromNumber,
  accountMode,
  DAY_SECONDS,
  DEPOSIT_FEE,
  EXIT_LAPSE_SECONDS,
  FREEZE_GAP_SECONDS,
  FREEZE_SECONDS,
  MAX_BATCH,
  MIN_DEPOSIT,
  OPENING_FEE,
  PAYEE_FEE,
  parseMemo,
  readChargeBatch,
  rotationSeconds,
  TILL_EXIT,
  TILL_OP,
  type TillConfig,
} from '#contracts'

/** What a message costs here, out of its own value: less than the Till's fee for a deposit. */
export const GAS = 3_000_000n
const BPS = 10_000n
const MODE_BIT = 151n

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

class Refusal extends Error {
  readonly exitCode: number

  constructor(reason: keyof typeof TILL_EXIT) {
    super(reason)
    this.exitCode = TILL_EXIT[reason]
  }
}

function need(holds: boolean, reason: keyof typeof TILL_EXIT): void {
  if (!holds) throw new Refusal(reason)
}

/** Everything that a handler needs; it changes `state` and `out`. */
interface Run {
  readonly rules: TillRules
  readonly message: TillMessage
  readonly now: number
  state: TillState
  out: Payment[]
}

/** Executes one message by the contract's rules (contracts/till/*.tolk). A test holds it to the contract itself. */
export function executeTill(
  rules: TillRules,
  state: TillState,
  message: TillMessage,
  now: number,
): TillOutcome {
  const run: Run = { rules, message, now, state, out: [] }
  try {
    dispatch(run)
    return { ok: true, state: run.state, out: run.out }
  } catch (error) {
    if (error instanceof Refusal) return { ok: false, exitCode: error.exitCode }
    throw error
  }
}

function dispatch(run: Run): void {
  const body = run.message.body.beginParse()
  const code = body.remainingBits < 32 ? 0 : body.loadUint(32)
  if (code === 0) {
    deposit(run, memoOf(body))
    return
  }
  const handler = HANDLERS.get(code)
  if (handler === undefined) refuse(run, 'BadOp')
  else handler(run, body.skip(64))
}

function memoOf(body: Slice): AccountId | undefined {
  const bits = body.remainingBits
  return bits % 8 === 0 ? parseMemo(body.loadBuffer(bits / 8).toString('latin1')) : undefined
}

function refuse(run: Run, reason: keyof typeof TILL_EXIT): void {
  need(!run.message.bounce, reason)
  const rest = run.message.value - DEPOSIT_FEE
  run.state = { ...run.state, orphans: run.state.orphans + (rest > 0n ? rest : 0n) }
}

function deposit(run: Run, id: AccountId | undefined): void {
  const { value } = run.message
  if (id === undefined) {
    refuse(run, 'BadMemo')
    return
  }
  const known = run.state.accounts.get(id)
  const fee = known === undefined ? DEPOSIT_FEE + OPENING_FEE : DEPOSIT_FEE
  if (value < MIN_DEPOSIT || value <= fee) {
    refuse(run, 'TooSmall')
    return
  }
  const account = known ?? NO_ACCOUNT
  setAccount(run, id, { ...account, credit: account.credit + value - fee })
  run.state = { ...run.state, owed: run.state.owed + value - fee }
}

const HANDLERS: ReadonlyMap<number, (run: Run, body: Slice) => void> = new Map([
  [TILL_OP.deposit, (run, body) => deposit(run, accountIdFromNumber(body.loadUintBig(152)))],
  [TILL_OP.charge, onCharge],
  [TILL_OP.chargeCheque, onCheque],
  [TILL_OP.redeem, onRedeem],
  [TILL_OP.exitRequest, onExitRequest],
  [TILL_OP.exitFinish, onExitFinish],
  [TILL_OP.exitFast, onExitFast],
  [TILL_OP.exitCancel, onExitCancel],
  [TILL_OP.redeemFees, onRedeemFees],
  [TILL_OP.rotateKey, onRotateKey],
  [TILL_OP.activateKey, onActivateKey],
  [TILL_OP.cancelRotation, onCancelRotation],
  [TILL_OP.freeze, onFreeze],
  [TILL_OP.topUp, () => {}],
  [TILL_OP.excesses, () => {}],
])

function onCharge(run: Run, body: Slice): void {
  notFrozen(run)
  const signature = body.loadBuffer(64)
  const cell = body.loadRef()
  assertMetered(run, cell, signature)
  const batch = readChargeBatch(cell)
  ownTill(run, batch.till)
  feeAllowed(run, batch.feeBps)
  mature(run)
  need(batch.items.size <= MAX_BATCH, 'BatchTooLarge')
  let collected = 0n
  for (const [id, cumulative] of batch.items) {
    need(accountMode(id) === 'managed', 'WrongMode')
    collected += debit(run, id, cumulative)
  }
  share(run, collected, { feeBps: batch.feeBps, holdDays: run.rules.holdDays })
  returnExcess(run)
}

function onCheque(run: Run, body: Slice): void {
  const signature = body.loadBuffer(64)
  const keysCell = body.loadRef()
  const cell = body.loadRef()
  const order = tagged(run, cell)
  const number = order.loadUintBig(152)
  const feeBps = order.loadUint(16)
  const cumulative = order.loadCoins()
  need(number === ((1n << MODE_BIT) | prefixOf(keysCell)), 'NoAccount')
  const { spendKey } = keysIn(keysCell)
  need(spendKey !== null, 'BadKey')
  assertSigned(run, cell, signature, spendKey ?? '')
  feeAllowed(run, feeBps)
  const collected = debit(run, accountIdFromNumber(number), cumulative)
  share(run, collected, { feeBps, holdDays: 0 })
  returnExcess(run)
}

function onRedeem(run: Run, body: Slice): void {
  notFrozen(run)
  const signature = body.loadBuffer(64)
  const cell = body.loadRef()
  assertMetered(run, cell, signature)
  const voucher = tagged(run, cell)
  const payee = voucher.loadAddress().toRawString()
  const cumulative = voucher.loadCoins()
  mature(run)
  const known = run.state.payees.get(payee)
  const paid = known ?? 0n
  const due = least(cumulative - paid, run.state.pool)
  need(due > 0n, 'NothingDue')
  const payees = new Map(run.state.payees).set(payee, paid + due)
  run.state = { ...run.state, payees, pool: run.state.pool - due }
  payOut(run, payee, due, known === undefined ? PAYEE_FEE : 0n)
}

function onExitRequest(run: Run, body: Slice): void {
  const { id, account, order } = ownersOrder(run, body)
  const to = order.loadAddress().toRawString()
  need(order.loadUint(32) === account.nonce, 'StaleNonce')
  const at = run.now + run.rules.exitDelay
  setAccount(run, id, { ...account, nonce: account.nonce + 1, exit: { to, at } })
  returnExcess(run)
}

function onExitCancel(run: Run, body: Slice): void {
  const { id, account, order } = ownersOrder(run, body)
  need(order.loadUint(32) === account.nonce, 'StaleNonce')
  setAccount(run, id, { ...account, nonce: account.nonce + 1, exit: null })
  returnExcess(run)
}

function onExitFinish(run: Run, body: Slice): void {
  const id = accountIdFromNumber(body.loadUintBig(152))
  const account = mustGet(run, id)
  const at = exitAtOf(account, run.now)
  need(at !== 0, 'NoExit')
  need(run.now >= at, 'TooEarly')
  leave(run, id, account)
}

function onExitFast(run: Run, body: Slice): void {
  notFrozen(run)
  const signature = body.loadBuffer(64)
  const cell = body.loadRef()
  assertSigned(run, cell, signature, run.state.meterKey)
  const order = tagged(run, cell)
  const id = accountIdFromNumber(order.loadUintBig(152))
  const feeBps = order.loadUint(16)
  const final = order.loadCoins()
  const nonce = order.loadUint(32)
  feeAllowed(run, feeBps)
  if (accountMode(id) === 'managed') {
    mature(run)
    share(run, debit(run, id, final), { feeBps, holdDays: run.rules.holdDays })
  }
  const account = mustGet(run, id)
  need(exitAtOf(account, run.now) !== 0, 'NoExit')
  need(nonce === account.nonce, 'StaleNonce')
  need(account.debit >= final, 'NotCollected')
  leave(run, id, account)
}

function onRedeemFees(run: Run, body: Slice): void {
  fromAdmin(run)
  const to = body.loadAddress().toRawString()
  const amount = body.loadCoins()
  need(amount > 0n && amount <= run.state.fees, 'NothingDue')
  run.state = { ...run.state, fees: run.state.fees - amount }
  payOut(run, to, amount, 0n)
}

function onRotateKey(run: Run, body: Slice): void {
  fromAdmin(run)
  const key = body.loadBuffer(32).toString('hex')
  const dropPrevious = body.loadBit()
  need(!/^0+$/.test(key) && key !== run.state.meterKey, 'BadKey')
  run.state = {
    ...run.state,
    pending: { key, at: run.now + rotationSeconds(run.rules), dropPrevious },
  }
  returnExcess(run)
}

function onActivateKey(run: Run): void {
  const next = run.state.pending
  if (next === null) throw new Refusal('NoRotation')
  need(run.now >= next.at, 'TooEarly')
  const previous = next.dropPrevious
    ? null
    : { key: run.state.meterKey, until: run.now + rotationSeconds(run.rules) }
  run.state = { ...run.state, previous, meterKey: next.key, pending: null }
  returnExcess(run)
}

function onCancelRotation(run: Run): void {
  fromAdmin(run)
  need(run.state.pending !== null, 'NoRotation')
  run.state = { ...run.state, pending: null }
  returnExcess(run)
}

function onFreeze(run: Run): void {
  fromAdmin(run)
  need(run.now >= run.state.frozenUntil + FREEZE_GAP_SECONDS, 'FreezeTooSoon')
  run.state = { ...run.state, frozenUntil: run.now + FREEZE_SECONDS }
  returnExcess(run)
}

function debit(run: Run, id: AccountId, cumulative: bigint): bigint {
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

function share(
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

function mature(run: Run): void {
  run.state = matured(run.state, run.rules.holdDays, run.now)
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

function leave(run: Run, id: AccountId, account: AccountInTill): void {
  const rest = availableOf(account)
  const to = account.exit?.to ?? ''
  setAccount(run, id, { ...account, paidOut: account.paidOut + rest, exit: null })
  run.state = { ...run.state, owed: run.state.owed - rest }
  if (rest > 0n) payOut(run, to, rest, 0n)
  else returnExcess(run)
}

function ownersOrder(run: Run, body: Slice) {
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

/** The order's slice after its tag and the Till's address. */
function tagged(run: Run, cell: Cell): Slice {
  const slice = cell.beginParse().skip(32)
  ownTill(run, slice.loadAddress().toRawString())
  return slice
}

function keysIn(cell: Cell) {
  const slice = cell.beginParse()
  const owner = slice.loadMaybeAddress()?.toRawString() ?? null
  const key = () => (slice.loadBit() ? slice.loadBuffer(32).toString('hex') : null)
  return { owner, ownerKey: key(), spendKey: key() }
}

const prefixOf = (keys: Cell): bigint =>
  BigInt(`0x${keys.hash().toString('hex')}`) >> (256n - MODE_BIT)

function assertMetered(run: Run, cell: Cell, signature: Buffer): void {
  const { previous } = run.state
  if (previous !== null && run.now < previous.until) {
    if (run.rules.verify(cell.hash(), signature, previous.key)) return
  }
  assertSigned(run, cell, signature, run.state.meterKey)
}

function assertSigned(run: Run, cell: Cell, signature: Buffer, key: string): void {
  need(run.rules.verify(cell.hash(), signature, key), 'BadSignature')
}

function ownTill({ rules }: Run, till: string): void {
  need(till === rules.address, 'WrongTill')
}

function feeAllowed({ rules }: Run, feeBps: number): void {
  need(feeBps <= rules.maxFeeBps, 'FeeTooHigh')
}

function notFrozen({ state, now }: Run): void {
  need(now >= state.frozenUntil, 'Frozen')
}

function fromAdmin({ rules, message }: Run): void {
  need(message.from === Address.parse(rules.admin).toRawString(), 'NotAdmin')
}

function mustGet({ state }: Run, id: AccountId): AccountInTill {
  const account = state.accounts.get(id)
  if (account === undefined) throw new Refusal('NoAccount')
  return account
}

function setAccount(run: Run, id: AccountId, account: AccountInTill): void {
  run.state = { ...run.state, accounts: new Map(run.state.accounts).set(id, account) }
}

function payOut(run: Run, to: string, value: bigint, keep: bigint): void {
  run.out.push({ to, value })
  run.out.push({ to: run.message.from, value: run.message.value - GAS - keep })
}

function returnExcess(run: Run): void {
  run.out.push({ to: run.message.from, value: run.message.value - GAS })
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

function least(a: bigint, b: bigint): bigint {
  return a < b ? a : b
}
