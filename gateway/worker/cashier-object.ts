import { signerFromSeed } from '#protocol/workerd'
import type { ExitRow, HostRow } from '../money/due-rows.ts'
import { createCashierJobs } from '../money/money-jobs.ts'
import { cashierLedger, noteHostRow } from './cashier-ledger.ts'
import { cashierOrders, noteExitRow } from './cashier-orders.ts'
import type { WorkerHost } from './host.ts'
import { MoneyObject } from './money-object.ts'
import type { CashierRpc } from './objects.ts'

/**
 * The one cashier. Ledgers send it copies of their rows when something is due; charges that it signed are kept here,
 * vouchers in the host's own ledger and here.
 */
export function cashierObject(host: WorkerHost) {
  return class CashierObject extends MoneyObject implements CashierRpc {
    constructor(state: DurableObjectState, env: Cloudflare.Env) {
      super(state, env, {
        host,
        place: 'cashier',
        jobs: ({ ledger, ...parts }) =>
          createCashierJobs({
            ...parts,
            ledger: cashierLedger(parts.core, ledger),
            orders: (till) => cashierOrders(parts.store, ledger, till, host.chance),
            signerFromSeed,
            chance: host.chance,
          }),
      })
    }

    async noteHost(row: HostRow): Promise<void> {
      noteHostRow(this.store, row)
    }

    async noteExit(row: ExitRow): Promise<void> {
      noteExitRow(this.store, row)
    }
  }
}
