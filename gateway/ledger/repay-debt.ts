import type { UnixMs } from '#base/brand.ts'
import { type Nano, nano, ZERO_NANO } from '#base/nano.ts'
import { columnNumber } from '../db/columns.ts'
import type { AccountId } from '../db/ids.ts'
import { nanoIn } from '../db/row.ts'
import { type Books, least } from './books.ts'
import { acct, LOSSES } from './journal.ts'

/**
 * An exit pays out everything, also what settled usage or an open hold still claims; the missing part is the
 * account's debt. Whatever becomes available later repays it first.
 * @returns what is available afterwards
 */
export function prepareRepayDebt(
  books: Pick<Books, 'store' | 'post'>,
): (account: AccountId, at: UnixMs) => Nano {
  const read = books.store.prepare('SELECT available, debt FROM accounts WHERE id = ?')
  const write = books.store.prepare(
    'UPDATE accounts SET available = available - ?, debt = debt - ? WHERE id = ?',
  )
  return (account, at) => {
    const row = read.get(account)
    if (row === undefined) return ZERO_NANO
    const available = nanoIn(row[0])
    const repaid = least(available, nanoIn(row[1]))
    if (repaid > ZERO_NANO) {
      const number = columnNumber(repaid)
      write.run(number, number, account)
      books.post({ kind: 'recovery', source: acct(account), target: LOSSES, amount: repaid, at })
    }
    return nano(available - repaid)
  }
}
