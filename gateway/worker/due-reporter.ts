import type { Store } from '../db/db.ts'
import { accounts, exits, hosts } from '../db/schema.ts'
import type { AccountRow, HostRow } from '../money/due-rows.ts'
import type { CashierRpc } from './objects.ts'

/** Tells the cashier what one ledger has for it to collect or to pay. */
export interface DueReporter {
  /** Sends what changed since the last report of this object's life. */
  report(cashier: CashierRpc): Promise<void>
}

export function createDueReporter({ db }: Store): DueReporter {
  const told = new Map<string, string>()

  async function tell<Row>(name: string, row: Row, send: (row: Row) => Promise<void>) {
    const text = JSON.stringify(row, (_, value) =>
      typeof value === 'bigint' ? value.toString() : value,
    )
    if (told.get(name) === text) return
    await send(row)
    told.set(name, text)
  }

  return {
    async report(cashier) {
      for (const row of db.select().from(accounts).all()) {
        if (isAccountDue(row)) await tell(row.id, row, (due) => cashier.noteAccount(due))
      }
      for (const row of db.select().from(hosts).all()) {
        if (isHostDue(row)) await tell(row.payee, row, (due) => cashier.noteHost(due))
      }
      for (const row of db.select().from(exits).all()) {
        await tell(`exit of ${row.account}`, row, (due) => cashier.noteExit(due))
      }
    },
  }
}

/** Also once everything is collected, so that the cashier forgets it. */
function isAccountDue({ settled, cheque }: AccountRow): boolean {
  return settled > 0n || cheque > 0n
}

function isHostDue({ collected }: HostRow): boolean {
  return collected > 0n
}
