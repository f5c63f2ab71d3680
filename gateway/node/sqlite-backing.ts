import type { Migration } from '../db/migrate.ts'
import { migrate } from '../db/migrate.ts'
import { createModelTable } from '../inference/stored-catalog.ts'
import { createCore } from '../ledger/core.ts'
import { orderedExits } from '../ledger/exits.ts'
import { groupCommit } from '../ledger/group-commit.ts'
import type { Log } from '../log.ts'
import { createMoneyJobs, type MoneyJobsDeps } from '../money/money-jobs.ts'
import { isCovered, readLiabilities, readOwedBooks } from '../money/reserves.ts'
import { createLatestVoucher } from '../runners/latest-voucher.ts'
import { createPayees } from '../runners/payees.ts'
import { createRunnerHours } from '../runners/runner-hours.ts'
import { createRunnerStore } from '../runners/runner-store.ts'
import type { Backing } from './backing.ts'
import { openSqlite } from './open-sqlite.ts'
import { watchStore } from './watch-store.ts'

/** Settlements wait so long at most for a transaction that others need anyway. */
const SETTLE_WITHIN_MS = 5
const CHECKPOINT_MS = 5_000

type MoneyParts = Omit<MoneyJobsDeps, 'ledger' | 'store' | 'covers' | 'orders' | 'watch'>

/** One SQLite file, of this process alone. @throws MigrateError */
export function openSqliteBacking(
  migrations: readonly Migration[],
  money: MoneyParts,
  { timer, log }: { readonly timer: () => number; readonly log: Log },
): Backing {
  const { databasePath, chain } = money.config
  const store = openSqlite(databasePath)
  migrate(store, migrations)
  const core = watchStore(createCore(store, { hosts: 'here' }), log)
  return {
    openLedger(note) {
      const patience = (task: () => void) => void setTimeout(task, SETTLE_WITHIN_MS)
      const observe = (calls: number) => {
        const began = timer()
        return () => note(calls, (timer() - began) / 1000)
      }
      return groupCommit(core, setImmediate, { patience, observe })
    },
    runners: createRunnerStore(store),
    payees: createPayees(store),
    hours: createRunnerHours(store),
    challenges: undefined,
    latestVoucher: createLatestVoucher(store.db, chain.till),
    models: createModelTable(store.db),
    readBooks: () => readOwedBooks(store),
    openMoney: async (ledger, watch) =>
      createMoneyJobs({
        ...money,
        ledger,
        store,
        covers: async (totals) => isCovered(readLiabilities(store), totals),
        orders: async (till) => orderedExits(store, till),
        watch,
      }),
    jobs: [
      // Moves the write-ahead log into the file.
      { name: 'checkpoint', everyMs: CHECKPOINT_MS, run: async () => store.checkpoint() },
    ],
    leads: () => true,
    others: undefined,
    async close() {
      store.checkpoint()
      store.close()
    },
  }
}
