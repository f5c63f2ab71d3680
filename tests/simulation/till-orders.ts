import type { Slice } from '@ton/core'
import {
  accountIdFromNumber,
  accountMode,
  FREEZE_GAP_SECONDS,
  FREEZE_SECONDS,
  MAX_BATCH,
  PAYEE_FEE,
  readChargeBatch,
  rotationSeconds,
} from '#contracts'
import {
  assertMetered,
  assertSigned,
  debit,
  feeAllowed,
  fromAdmin,
  keysIn,
  least,
  leave,
  MODE_BIT,
  mature,
  mustGet,
  need,
  notFrozen,
  ownersOrder,
  ownTill,
  payOut,
  prefixOf,
  Refusal,
  type Run,
  returnExcess,
  setAccount,
  share,
  tagged,
} from './till-run.ts'
import { exitAtOf } from './till-state.ts'

export function onCharge(run: Run, body: Slice): void {
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

export function onCheque(run: Run, body: Slice): void {
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

export function onRedeem(run: Run, body: Slice): void {
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

export function onExitRequest(run: Run, body: Slice): void {
  const { id, account, order } = ownersOrder(run, body)
  const to = order.loadAddress().toRawString()
  need(order.loadUint(32) === account.nonce, 'StaleNonce')
  const at = run.now + run.rules.exitDelay
  setAccount(run, id, { ...account, nonce: account.nonce + 1, exit: { to, at } })
  returnExcess(run)
}

export function onExitCancel(run: Run, body: Slice): void {
  const { id, account, order } = ownersOrder(run, body)
  need(order.loadUint(32) === account.nonce, 'StaleNonce')
  setAccount(run, id, { ...account, nonce: account.nonce + 1, exit: null })
  returnExcess(run)
}

export function onExitFinish(run: Run, body: Slice): void {
  const id = accountIdFromNumber(body.loadUintBig(152))
  const account = mustGet(run, id)
  const at = exitAtOf(account, run.now)
  need(at !== 0, 'NoExit')
  need(run.now >= at, 'TooEarly')
  leave(run, id, account)
}

export function onExitFast(run: Run, body: Slice): void {
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

export function onRedeemFees(run: Run, body: Slice): void {
  fromAdmin(run)
  const to = body.loadAddress().toRawString()
  const amount = body.loadCoins()
  need(amount > 0n && amount <= run.state.fees, 'NothingDue')
  run.state = { ...run.state, fees: run.state.fees - amount }
  payOut(run, to, amount, 0n)
}

export function onRotateKey(run: Run, body: Slice): void {
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

export function onActivateKey(run: Run): void {
  const next = run.state.pending
  if (next === null) throw new Refusal('NoRotation')
  need(run.now >= next.at, 'TooEarly')
  const previous = next.dropPrevious
    ? null
    : { key: run.state.meterKey, until: run.now + rotationSeconds(run.rules) }
  run.state = { ...run.state, previous, meterKey: next.key, pending: null }
  returnExcess(run)
}

export function onCancelRotation(run: Run): void {
  fromAdmin(run)
  need(run.state.pending !== null, 'NoRotation')
  run.state = { ...run.state, pending: null }
  returnExcess(run)
}

export function onFreeze(run: Run): void {
  fromAdmin(run)
  need(run.now >= run.state.frozenUntil + FREEZE_GAP_SECONDS, 'FreezeTooSoon')
  run.state = { ...run.state, frozenUntil: run.now + FREEZE_SECONDS }
  returnExcess(run)
}
