import { and, eq } from 'drizzle-orm'
import type { Store } from '../db/db.ts'
import type { TonAddress } from '../db/ids.ts'
import { exits } from '../db/schema.ts'
import { orderedExits } from '../ledger/exits.ts'
import type { Ledger, OrderedExit } from '../ledger/port.ts'
import type { ExitRow } from '../money/due-rows.ts'

/** Keeps a copy of an owner's order: it says whom to ask, and nothing more. */
export function noteExitRow({ db }: Store, row: ExitRow): void {
  db.insert(exits).values(row).onConflictDoUpdate({ target: exits.account, set: row }).run()
}

/** What owners have ordered, as their own ledgers say now. A copy of what is over there is forgotten here. */
export async function cashierOrders(
  store: Store,
  ledger: Ledger,
  till: TonAddress,
  chance: () => number,
): Promise<readonly OrderedExit[]> {
  const orders: OrderedExit[] = []
  for (const { account, at } of orderedExits(store, till, chance)) {
    const [{ exit }] = await ledger.commit([{ op: 'read_exit', account }])
    if (exit !== null) orders.push(exit)
    else {
      // A newer order, told meanwhile, stays.
      store.db
        .delete(exits)
        .where(and(eq(exits.account, account), eq(exits.at, at)))
        .run()
    }
  }
  return orders
}
