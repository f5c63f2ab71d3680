import { type Migration, migrate } from '../db/migrate.ts'
import { openBridge } from './bridge.ts'
import { OURS } from './locks.ts'
import { openPostgres } from './open-postgres.ts'

/** Brings the database to the newest schema; of gateways that start at once, one does. @throws PostgresError, MigrateError */
export async function migratePostgres(
  url: string,
  migrations: readonly Migration[],
): Promise<void> {
  // Before the gateway listens: its thread may sleep.
  const bridge = openBridge(url, 'migrations')
  try {
    const store = openPostgres(bridge)
    store.script(`SELECT pg_advisory_lock(${OURS}, 2)`)
    migrate(store, migrations)
  } finally {
    await bridge.close()
  }
}
