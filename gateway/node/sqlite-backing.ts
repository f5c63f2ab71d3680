import { ConfigError } from '../config.ts'
import { MigrateError, type Migration, migrate } from '../db/migrate.ts'
import { createModelTable } from '../inference/stored-catalog.ts'
import { createCore } from '../ledger/core.ts'
import { orderedExits } from '../ledger/exits.ts'
import { groupCommit } from '../ledger/group-commit.ts'
import { codeOf, type Log } from '../log.ts'
import { createMoneyJobs, type MoneyJobsDeps } from '../money/money-jobs.ts'
import { isCovered, readLiabilities, readOwedBooks } from '../money/reserves.ts'
import { createLatestVoucher } from '../runners/latest-voucher.ts'
import { createPayees } from '../runners/payees.ts'
import { createRunnerHours } from '../runners/runner-hours.ts'
import { createRunnerStore } from '../runners/runner-store.ts'
import type { Backing } from './backing.ts'
import { openSqlite, type SqliteStore } from './open-sqlite.ts'
import { watchStore } from './watch-store.ts'

function openMigrated(path: string, migrations: readonly Migration[]): SqliteStore {
  try {
    const store = openSqlite(path)
    migrate(store, migrations)
    return store
  } catch (error) {
    if (error instanceof MigrateError) {
      throw new ConfigError('invalid', `DATABASE_PATH: ${path}: ${error.message}`, { cause: error })
    }
    const why = `${path} cannot be opened for writing (${codeOf(error)})`
    const remedy = 'give the gateway a file that it can write, in a folder that it can write'
    throw new ConfigError('invalid', `DATABASE_PATH: ${why}: ${remedy}`, { cause: error })
  }
}

/** Settlements wait so long at most for a transaction that others need anyway, and all calls when many come at once. */
const PATIENCE_MS = 5
const CHECKPOINT_MS = 5_000

type MoneyParts = Omit<MoneyJobsDeps, 'ledger' | 'store' | 'covers' | 'orders' | 'watch'>

/** One SQLite file, of this process alone. @throws ConfigError when the file cannot be used */
export function openSqliteBacking(
  migrations: readonly Migration[],
  money: MoneyParts,
  { timer, log }: { readonly timer: () => number; readonly log: Log },
): Backing {
  const { databasePath, chain } = money.config
  const store = openMigrated(databasePath, migrations)
  const { core, isWritable } = watchStore(createCore(store, { hosts: 'here' }), store, log)
  return {
    openLedger(note) {
      const soon = (task: () => void) => void setTimeout(task, PATIENCE_MS)
      const observe = (calls: number) => {
        const began = timer()
        return () => note(calls, (timer() - began) / 1000)
      }
      return groupCommit(core, setImmediate, { patience: soon, gather: soon, observe })
    },
    runners: createRunnerStore(store),
    payees: createPayees(store),
    hours: createRunnerHours(store),
    usedChallenges: undefined,
    latestVoucher: createLatestVoucher(store.db, chain.till),
    models: createModelTable(store.db),
    readBooks: () => readOwedBooks(store),
    openMoney: async (ledger, watch) =>
      createMoneyJobs({
        ...money,
        ledger,
        store,
        covers: async (totals) => isCovered(readLiabilities(store), totals),
        orders: async (till) => orderedExits(store, till, money.chance),
        watch,
      }),
    jobs: [
      // Moves the write-ahead log into the file.
      { name: 'checkpoint', everyMs: CHECKPOINT_MS, run: async () => store.checkpoint() },
    ],
    storeState: () => (isWritable() ? 'ok' : 'read_only'),
    leads: () => true,
    others: undefined,
    async close() {
      store.checkpoint()
      store.close()
    },
  }
}
