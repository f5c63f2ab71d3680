import { ceilDiv, type Nano, nano, ZERO_NANO } from '#base/nano.ts'
import { costOf } from '#protocol'
import { columnNumber } from '../db/columns.ts'
import type { Row, Value } from '../db/db.ts'
import { nanoIn, numberIn } from '../db/row.ts'
import { type Books, least } from './books.ts'
import { type KeyBudgets, prepareKeyBudgets } from './key-budgets.ts'
import type { Settle, SettleRefusal, SettleResult, Terms } from './port.ts'
import { prepareRepayDebt } from './repay-debt.ts'

const BPS = 10_000n

const HOLD = 'amount, terms, key, created, deadline'
const ACCOUNT = 'settled, collected, debt'

// Deleting and reading at once is the cheapest way to a hold; somebody else's receipt is rare.
const TAKE_HOLD = `DELETE FROM holds
  WHERE request = ? AND attempt = ? AND account = ? AND state = 'open' RETURNING ${HOLD}`
const PUT_BACK = `INSERT INTO holds (request, attempt, account, state, ${HOLD})
  VALUES (?, ?, ?, 'open', ?, ?, ?, ?, ?)`

const CHARGE_HELD = `UPDATE accounts SET held = held - ?, available = available + ?, settled = settled + ?
  WHERE no = ? RETURNING ${ACCOUNT}`

const INSERT = `INSERT INTO settlements (request, attempt, account, key, terms, reserved,
    prompt_tokens, cached_tokens, completion_tokens, reasoning_tokens, stop,
    cost, commission, cumulative, late, created, at)
  VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`

/** Charges a receipt, once per attempt, at the reservation's price. @see Settle */
export function prepareSettle(books: Books): (op: Settle) => SettleResult {
  const takeHold = books.store.prepare(TAKE_HOLD)
  const putBack = books.store.prepare(PUT_BACK)
  const chargeHeld = books.store.prepare(CHARGE_HELD)
  const budgets = prepareKeyBudgets(books)
  const write = prepareWrite(books)
  const withoutHold = prepareSettleWithoutHold(books, budgets, write)

  return (op) => {
    // 1. The hold, if it is open and this runner's.
    const account = books.accountNo(op.account)
    if (account === undefined) return refused('unknown_attempt')
    const row = takeHold.get(op.request, op.attempt, account)
    if (row === undefined) return withoutHold(op, account)
    const hold = holdOf(books, row)
    if (!isOwn(hold.terms, op)) {
      putBack.run(op.request, op.attempt, account, ...row)
      return refused('wrong_runner')
    }
    // 2. The cost, never more than was held.
    const cost = least(costOf(op.usage, hold.terms.price), hold.amount)
    // 3. The developer's account.
    const rest = nano(hold.amount - cost)
    const numbers = [hold.amount, rest, cost].map(columnNumber)
    const charged = chargeHeld.get(...numbers, account)
    if (charged === undefined) throw new RangeError('a hold without an account')
    budgets.spend(hold.key, hold.amount, cost, op.at)
    // 4. The settlement, its receipt and the host's side.
    return write({ op, account, hold, cost, charged, late: false })
  }
}

interface Hold {
  readonly amount: Nano
  readonly terms: Terms
  readonly termsNumber: number
  readonly key: Value
  readonly created: Value
}

function holdOf(books: Books, [amount, terms, key, created]: Row): Hold {
  const termsNumber = numberIn(terms)
  return {
    amount: nanoIn(amount),
    terms: books.terms.read(termsNumber),
    termsNumber,
    key: key ?? null,
    created: numberIn(created),
  }
}

function isOwn(terms: Terms, op: Settle): boolean {
  return terms.runner === op.runner && terms.payee === op.payee
}

interface Charge {
  readonly op: Settle
  readonly account: number
  readonly hold: Hold
  readonly cost: Nano
  /** The account after the charge: settled, collected, debt. */
  readonly charged: Row
  readonly late: boolean
}

function prepareWrite(books: Books): (charge: Charge) => SettleResult {
  const insert = books.store.prepare(INSERT)
  const receipt = books.store.prepare(
    'INSERT INTO receipts (settlement, document) VALUES (last_insert_rowid(), ?)',
  )
  const repay = prepareRepayDebt(books)
  return ({ op, account, hold, cost, charged, late }) => {
    // Up: the Till floors its fee on whole batches, so shares rounded up would exceed what it keeps for hosts (H1).
    const commission = nano(ceilDiv(cost * BigInt(hold.terms.commissionBps), BPS))
    const share = nano(cost - commission)
    const [settled, collected, debt] = charged
    insert.run(
      op.request,
      op.attempt,
      account,
      hold.key,
      hold.termsNumber,
      columnNumber(hold.amount),
      op.usage.prompt_tokens,
      op.usage.cached_tokens,
      op.usage.completion_tokens,
      op.usage.reasoning_tokens,
      op.stop,
      columnNumber(cost),
      columnNumber(commission),
      numberIn(settled),
      late ? 1 : 0,
      hold.created,
      op.at,
    )
    receipt.run(op.receipt)
    books.tail.add(op.request, op.attempt)
    if (cost > ZERO_NANO) {
      books.hosts.add({
        key: `settled:${op.request}:${op.attempt}`,
        payee: op.payee,
        earned: share,
        commission,
        // The Till may have collected it already: a receipt that came after a restore (M16).
        collected: numberIn(settled) <= numberIn(collected) ? share : ZERO_NANO,
        at: op.at,
      })
    }
    if (debt !== 0) repay(op.account, op.at)
    return { ok: true, duplicate: false, late, cost, commission, share }
  }
}

/** No open hold: settled before, lapsed, void, or never seen. */
function prepareSettleWithoutHold(
  books: Books,
  budgets: KeyBudgets,
  write: (charge: Charge) => SettleResult,
): (op: Settle, account: number) => SettleResult {
  const { store } = books
  const findSettled = store.prepare(
    `SELECT s.terms, cost, commission, late FROM settlement_attempts i JOIN settlements s ON s.id = i.settlement
     WHERE i.request = ? AND i.attempt = ? AND account = ?`,
  )
  const findEnded = store.prepare(
    `SELECT ${HOLD}, state FROM holds WHERE request = ? AND attempt = ? AND account = ?`,
  )
  const dropHold = store.prepare('DELETE FROM holds WHERE request = ? AND attempt = ?')
  const chargeAvailable = store.prepare(
    `UPDATE accounts SET available = available - ?, settled = settled + ? WHERE no = ? AND available >= ?
     RETURNING ${ACCOUNT}`,
  )

  return (op, account) => {
    if (books.tail.isSettled(op.request, op.attempt)) {
      books.tail.index()
      const before = findSettled.get(op.request, op.attempt, account)
      if (before === undefined) return refused('unknown_attempt')
      return isOwn(books.terms.read(numberIn(before[0])), op)
        ? repeat(before)
        : refused('wrong_runner')
    }
    const row = findEnded.get(op.request, op.attempt, account)
    if (row === undefined) return refused('unknown_attempt')
    const hold = holdOf(books, row)
    if (!isOwn(hold.terms, op)) return refused('wrong_runner')
    if (row.at(-1) === 'void') return refused('not_charged')
    const cost = least(costOf(op.usage, hold.terms.price), hold.amount)
    if (!budgets.fits(hold.key, cost, op.at)) return refused('late_insufficient')
    const number = columnNumber(cost)
    const charged = chargeAvailable.get(number, number, account, number)
    if (charged === undefined) return refused('late_insufficient')
    budgets.spend(hold.key, ZERO_NANO, cost, op.at)
    dropHold.run(op.request, op.attempt)
    return write({ op, account, hold, cost, charged, late: true })
  }
}

function repeat([, cost, commission, late]: Row): SettleResult {
  const [whole, operator] = [nanoIn(cost), nanoIn(commission)]
  return {
    ok: true,
    duplicate: true,
    late: late === 1,
    cost: whole,
    commission: operator,
    share: nano(whole - operator),
  }
}

function refused(code: SettleRefusal): SettleResult {
  return { ok: false, code }
}
