import { MAX_COLUMN_NANO, type Nano, nano, ZERO_NANO } from '#base/nano.ts'
import { columnNumber } from '../db/columns.ts'
import { nanoIn } from '../db/row.ts'
import type { Books } from './books.ts'
import { CHEQUE_AHEAD } from './cheque.ts'
import { prepareKeyBudgets } from './key-budgets.ts'
import type { Reserve, ReserveRefusal, ReserveResult } from './port.ts'

/** A managed account was never debited beyond its usage; a sovereign one may have prepaid a little by a cheque. */
const EXPLAINED = `collected <= settled + CASE mode WHEN 'sovereign' THEN ${CHEQUE_AHEAD} ELSE 0 END`

/**
 * Spendable: what is available, on an account that is open and whose debits on chain our books explain. Managed: also
 * what the Till lets the meter charge in this window, less what is not collected yet (H4). Sovereign: until
 * the next cheque, at most this one hold may be uncovered.
 */
const TAKE = `UPDATE accounts SET available = available - ?, held = held + ?
  WHERE no = ? AND available >= ? AND exit_at IS NULL AND ${EXPLAINED}
    AND NOT EXISTS (SELECT 1 FROM exits WHERE exits.account = accounts.id)
    AND CASE mode
      WHEN 'managed' THEN cap_left IS NULL
        OR (CASE WHEN cap_resets <= ? THEN cap_daily ELSE cap_left END) - (settled - collected) - held >= ?
      ELSE settled + held - cheque <= ?
    END
  RETURNING available`

const INSERT = `INSERT INTO holds (request, attempt, account, key, state, amount, terms, deadline, created)
  VALUES (?, ?, ?, ?, 'open', ?, ?, ?, ?) ON CONFLICT DO NOTHING`

/** Holds the most that a request may cost. @see Reserve */
export function prepareReserve(books: Books): (op: Reserve) => ReserveResult {
  const take = books.store.prepare(TAKE)
  const giveBack = books.store.prepare(
    'UPDATE accounts SET available = available + ?, held = held - ? WHERE no = ?',
  )
  const insert = books.store.prepare(INSERT)
  const undo = books.store.prepare('DELETE FROM holds WHERE request = ? AND attempt = ?')
  const budgets = prepareKeyBudgets(books)
  const refuse = prepareRefusal(books)

  return (op) => {
    const account = books.accountNo(op.account)
    if (account === undefined) return refused('unknown_account', ZERO_NANO)
    // No account has so much: what does not fit its column would throw, and undo what came with it.
    if (op.amount > MAX_COLUMN_NANO) return refuse(op, account)
    const { request, attempt } = op
    const amount = columnNumber(op.amount)
    const seconds = Math.floor(op.at / 1000)
    const taken = take.get(amount, amount, account, amount, seconds, amount, amount)
    if (taken === undefined) return refuse(op, account)
    const terms = books.terms.numberOf(op.terms)
    const fresh = !books.tail.isSettled(request, attempt)
    if (fresh && insert.run(request, attempt, account, op.key, amount, terms, op.deadline, op.at)) {
      const available = nanoIn(taken[0])
      const budget = budgets.hold(op.key, op.amount, op.at)
      if (budget === undefined) return { ok: true, available }
      undo.run(request, attempt)
      giveBack.run(amount, amount, account)
      return { ...refused('key_budget', nano(available + op.amount)), budget }
    }
    giveBack.run(amount, amount, account)
    return refuse(op, account)
  }
}

/** Says why nothing was reserved: it was before, or the first rule of TAKE that fails. */
function prepareRefusal({
  store,
  terms,
  tail,
}: Books): (op: Reserve, account: number) => ReserveResult {
  const existing = store.prepare(
    'SELECT account, state, amount, terms FROM holds WHERE request = ? AND attempt = ?',
  )
  const read = store.prepare(
    `SELECT available, mode, exit_at IS NULL AND ${EXPLAINED}
       AND NOT EXISTS (SELECT 1 FROM exits WHERE exits.account = accounts.id) FROM accounts WHERE no = ?`,
  )
  return (op, account) => {
    const same = existing.get(op.request, op.attempt)
    const [available, mode, open] = read.get(account) ?? []
    const left = nanoIn(available)
    const repeated = [account, 'open', Number(op.amount), terms.numberOf(op.terms)]
    if (same !== undefined && repeated.every((value, i) => value === same[i])) {
      return { ok: true, available: left }
    }
    if (same !== undefined || tail.isSettled(op.request, op.attempt)) {
      return refused('duplicate', left)
    }
    if (open !== 1) return refused('account_closed', left)
    if (left < op.amount) return refused('insufficient_credits', left)
    return refused(mode === 'managed' ? 'daily_cap' : 'cheque_due', left)
  }
}

function refused(code: ReserveRefusal, available: Nano) {
  return { ok: false, code, available } as const
}
