import { join } from 'node:path'
import type { UnixSeconds } from '#base/brand.ts'
import type { Store } from '#gateway/db/db.ts'
import { migrate } from '#gateway/db/migrate.ts'
import { applyCall } from '#gateway/ledger/apply-call.ts'
import { createCore, type LedgerCore } from '#gateway/ledger/core.ts'
import type { Totals } from '#gateway/moving/stream.ts'
import { openSqlite } from '#gateway/node/open-sqlite.ts'
import { readMigrations } from '#gateway/node.ts'
import { openBridge } from '#gateway/postgres/bridge.ts'
import { migratePostgres } from '#gateway/postgres/migrate-postgres.ts'
import { openPostgres } from '#gateway/postgres/open-postgres.ts'
import { sharedCore } from '#gateway/postgres/shared-core.ts'
import { packageRoot } from '../package-root.ts'

/** The tables of a gateway that does not run now. */
export interface OwnStore {
  readonly store: Store
  readonly core: LedgerCore
  /** Which form its tables have. */
  readonly migrations: readonly string[]
  /** Reads of one moment. */
  snapshot<T>(read: () => T): T
  /** What follows each unit that was written. */
  afterUnit(): void
  close(): Promise<void>
}

const FOLDER = 'migrations'

/** A gateway's file, brought to this version, with everything that was settled sorted into its indexes. */
export function openForMoving(path: string, now: UnixSeconds): OwnStore {
  const migrations = readMigrations(join(packageRoot(), FOLDER))
  const store = openSqlite(path)
  migrate(store, migrations)
  const core = createCore(store, { hosts: 'here' })
  applyCall(core, [{ op: 'maintain', now }])
  return {
    store,
    core,
    migrations: migrations.map(({ name }) => name),
    snapshot: (read) => store.transaction(read),
    afterUnit: () => {},
    close: async () => store.close(),
  }
}

/** Rows that were moved brought numbers along; later ones must not meet them. */
const NUMBERS = `SELECT setval(pg_get_serial_sequence('settlements', 'id'),
  (SELECT COALESCE(MAX(id), 0) + 1 FROM settlements), false)`

/** A cluster's database, brought to this version. @throws PostgresError */
export async function openPostgresForMoving(url: string): Promise<OwnStore> {
  const root = packageRoot()
  await migratePostgres(url, readMigrations(join(root, FOLDER, 'postgres')))
  // Audits and copies whole tables, while no gateway runs.
  const bridge = openBridge(url, 'moving', 'endless')
  const store = openPostgres(bridge)
  const numbers = store.prepare(NUMBERS)
  return {
    store,
    core: sharedCore(store, { hosts: 'here' }),
    // Its tables are those of all of these: `gateway/postgres/schema.test.ts` compares them.
    migrations: readMigrations(join(root, FOLDER)).map(({ name }) => name),
    snapshot: (read) => store.snapshot(read),
    afterUnit: () => void numbers.get(),
    close: () => bridge.close(),
  }
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
