import type { Slice } from '@ton/core'
import {
  type AccountId,
  accountIdFromNumber,
  DEPOSIT_FEE,
  MIN_DEPOSIT,
  OPENING_FEE,
  parseMemo,
  type TILL_EXIT,
  TILL_OP,
} from '#contracts'
import {
  onActivateKey,
  onCancelRotation,
  onCharge,
  onCheque,
  onExitCancel,
  onExitFast,
  onExitFinish,
  onExitRequest,
  onFreeze,
  onRedeem,
  onRedeemFees,
  onRotateKey,
} from './till-orders.ts'
import {
  need,
  Refusal,
  type Run,
  setAccount,
  type TillMessage,
  type TillOutcome,
  type TillRules,
} from './till-run.ts'
import { NO_ACCOUNT, type TillState } from './till-state.ts'

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
