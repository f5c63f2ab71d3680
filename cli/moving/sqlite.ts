import { join } from 'node:path'
import { toSeconds, unixMs } from '#base/brand.ts'
import { migrate } from '#gateway/db/migrate.ts'
import { applyCall } from '#gateway/ledger/apply-call.ts'
import { createCore, type LedgerCore } from '#gateway/ledger/core.ts'
import type { Totals } from '#gateway/moving/stream.ts'
import { openSqlite, type SqliteStore } from '#gateway/node/open-sqlite.ts'
import { readMigrations } from '#gateway/node.ts'
import { packageRoot } from '../package-root.ts'

export interface OpenedSqlite {
  readonly store: SqliteStore
  readonly core: LedgerCore
  readonly migrations: readonly string[]
}

/** A gateway's file, brought to this version, with everything that was settled sorted into its indexes. */
export function openForMoving(path: string): OpenedSqlite {
  const migrations = readMigrations(join(packageRoot(), 'migrations'))
  const store = openSqlite(path)
  migrate(store, migrations)
  const core = createCore(store, { hosts: 'here' })
  applyCall(core, [{ op: 'maintain', now: toSeconds(unixMs(Date.now())) }])
  return { store, core, migrations: migrations.map(({ name }) => name) }
}

export function totalsOf(core: LedgerCore): { totals: Totals; broken: readonly string[] } {
  const [report] = applyCall(core, [{ op: 'audit' }])
  const { accounts, available, held, hosts, fees, broken } = report
  return {
    broken,
    totals: {
      accounts,
      available: available.toString(),
      held: held.toString(),
      hosts: hosts.toString(),
      fees: fees.toString(),
    },
  }
}
