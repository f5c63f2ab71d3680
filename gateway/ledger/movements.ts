import { unixMs } from '#base/brand.ts'
import { nano } from '#base/nano.ts'
import { nanoIn, numberIn } from '../db/row.ts'
import type { Books } from './books.ts'
import { acct } from './journal.ts'
import type { ListMovements, ListMovementsResult, Movement } from './port.ts'

const MAX_LISTED = 1_000

const KINDS = "kind IN ('deposit', 'withdrawal', 'shortfall', 'recovery')"
const LIST = `SELECT id, kind, amount, at FROM transfers WHERE source = ? AND ${KINDS} AND id < ?
  UNION ALL SELECT id, kind, amount, at FROM transfers WHERE target = ? AND ${KINDS} AND id < ?
  ORDER BY id DESC LIMIT ?`

/** @see ListMovements */
export function prepareListMovements({ store }: Books): (op: ListMovements) => ListMovementsResult {
  const list = store.prepare(LIST)
  return ({ account, before, limit }) => {
    const own = acct(account)
    const from = before ?? Number.MAX_SAFE_INTEGER
    const rows = list.all(own, from, own, from, Math.min(limit, MAX_LISTED))
    const movements = rows.map(([id, name, amount, at]): Movement => {
      const kind = name === 'deposit' || name === 'recovery' ? name : 'withdrawal'
      const value = nanoIn(amount)
      return {
        id: numberIn(id),
        kind,
        amount: kind === 'deposit' ? value : nano(-value),
        at: unixMs(numberIn(at)),
      }
    })
    return { ok: true, movements }
  }
}
