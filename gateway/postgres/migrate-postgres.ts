import { type Migration, migrate } from '../db/migrate.ts'
import { numberIn } from '../db/row.ts'
import { openBridge } from './bridge.ts'
import { OURS } from './locks.ts'
import { openPostgres, type PostgresStore } from './open-postgres.ts'

/** `waits`: another gateway migrates. `migrates`: what this one does to a database that is in use. */
export type MigrationNews =
  | { readonly kind: 'waits' }
  | { readonly kind: 'migrates'; readonly name: string }

/**
 * Brings the database to the newest schema, however long its tables make that take; of gateways that start at once, one does.
 * @param tell told of what may take long, before it begins
 * @throws PostgresError, MigrateError
 */
export async function migratePostgres(
  url: string,
  migrations: readonly Migration[],
  tell: (news: MigrationNews) => void = () => {},
): Promise<void> {
  // Before the gateway listens: its thread may sleep.
  const bridge = openBridge(url, 'migrations', 'endless')
  try {
    const store = openPostgres(bridge)
    const transaction = <T>(work: () => T): T =>
      store.transaction(() => {
        lock(store, tell)
        return work()
      })
    migrate({ ...store, transaction }, migrations, (name) => tell({ kind: 'migrates', name }))
  } finally {
    await bridge.close()
  }
}

/** The lock is the transaction's: a connection that breaks takes both. */
function lock(store: PostgresStore, tell: (news: MigrationNews) => void): void {
  const tryLock = store.prepare(`SELECT pg_try_advisory_xact_lock(${OURS}, 2)`)
  if (numberIn(tryLock.get()?.[0]) === 1) return
  tell({ kind: 'waits' })
  store.script(`SELECT pg_advisory_xact_lock(${OURS}, 2)`)
}
