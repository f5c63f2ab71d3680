import { columnNumber } from '../db/columns.ts'
import { nanoIn, numberIn } from '../db/row.ts'
import type { Books } from './books.ts'
import { prepareKeyBudgets } from './key-budgets.ts'
import type { Release, ReleaseResult } from './port.ts'
import { prepareRepayDebt } from './repay-debt.ts'

/** Gives a failed attempt's hold back for good. @see Release */
export function prepareRelease(books: Books): (op: Release) => ReleaseResult {
  const { store } = books
  const find = store.prepare(
    'SELECT state, amount, key, terms FROM holds WHERE request = ? AND attempt = ? AND account = ?',
  )
  const end = store.prepare("UPDATE holds SET state = 'void' WHERE request = ? AND attempt = ?")
  const giveBack = store.prepare(
    'UPDATE accounts SET available = available + ?, held = held - ? WHERE no = ?',
  )
  const budgets = prepareKeyBudgets(books)
  const repay = prepareRepayDebt(books)
  return (op) => {
    const account = books.accountNo(op.account) ?? null
    const [state, amount, key, terms] = find.get(op.request, op.attempt, account) ?? []
    if (state === undefined) {
      return books.tail.isSettled(op.request, op.attempt)
        ? { ok: true, released: false }
        : { ok: false, code: 'unknown_attempt' }
    }
    if (op.runner !== undefined && books.terms.read(numberIn(terms)).runner !== op.runner) {
      return { ok: false, code: 'wrong_runner' }
    }
    // A lapsed hold ends too: its receipt is for an attempt that did not answer.
    end.run(op.request, op.attempt)
    if (state !== 'open') return { ok: true, released: false }
    const number = columnNumber(nanoIn(amount))
    giveBack.run(number, number, account)
    budgets.giveBack(key ?? null, nanoIn(amount))
    repay(op.account, op.at)
    return { ok: true, released: true }
  }
}
