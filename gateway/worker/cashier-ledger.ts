import { sql } from 'drizzle-orm'
import { ZERO_NANO } from '#base/nano.ts'
import { columnNumber } from '../db/columns.ts'
import type { Store } from '../db/db.ts'
import { accounts, hosts } from '../db/schema.ts'
import { applyCall } from '../ledger/apply-call.ts'
import type { LedgerCore } from '../ledger/core.ts'
import type { Ledger, Op, ResultsOf } from '../ledger/port.ts'
import type { AccountRow, HostRow } from '../money/due-rows.ts'

/** Operations whose truth is a host's or an account's own ledger: it decides, the cashier's copy follows. */
const THERE_FIRST: ReadonlySet<Op['op']> = new Set(['record_voucher', 'mirror_host', 'close_exit'])
/** Those that nobody needs a copy of. */
const THERE_ALONE: ReadonlySet<Op['op']> = new Set(['read_account', 'sign_final'])

/** The cashier's view of the ledger: charges are its own, what concerns a host or an exit is asked of its object first. */
export function cashierLedger(core: LedgerCore, all: Ledger): Ledger {
  return {
    async commit<const Ops extends readonly Op[]>(ops: Ops): Promise<ResultsOf<Ops>> {
      if (ops.some(({ op }) => THERE_ALONE.has(op))) return all.commit(ops)
      if (ops.some(({ op }) => THERE_FIRST.has(op))) await all.commit(ops)
      return applyCall(core, ops)
    },
  }
}

/** Keeps a copy of an account's row. Its counters only grow, so that an older row never replaces a newer one. */
export function noteAccountRow({ db }: Store, row: AccountRow): void {
  const { no: _, charged, ...columns } = row
  db.insert(accounts)
    .values({ ...columns, charged })
    .onConflictDoUpdate({
      target: accounts.id,
      set: columns,
      setWhere: sql`${accounts.settled} <= ${columnNumber(row.settled)}
        AND ${accounts.collected} <= ${columnNumber(row.collected)}
        AND ${accounts.cheque} <= ${columnNumber(row.cheque)}
        AND ${accounts.seqno} <= ${row.seqno}`,
    })
    .run()
}

/** Keeps a copy of a host's row. What the cashier itself has signed and seen stays. */
export function noteHostRow({ db }: Store, { payee, earned, collected }: HostRow): void {
  const grown = { earned, collected }
  db.insert(hosts)
    .values({ payee, ...grown, vouchered: ZERO_NANO, redeemed: ZERO_NANO })
    .onConflictDoUpdate({
      target: hosts.payee,
      set: grown,
      setWhere: sql`${hosts.earned} <= ${columnNumber(earned)}
        AND ${hosts.collected} <= ${columnNumber(collected)}`,
    })
    .run()
}
