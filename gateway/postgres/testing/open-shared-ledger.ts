import { join } from 'node:path'
import { migrate } from '../../db/migrate.ts'
import type { CoreOptions } from '../../ledger/core.ts'
import { groupCommit } from '../../ledger/group-commit.ts'
import type { Ledger } from '../../ledger/port.ts'
import type { Harness } from '../../ledger/testing/harness.ts'
import { readMigrations } from '../../node.ts'
import { openBridge } from '../bridge.ts'
import { openPostgres, type PostgresStore } from '../open-postgres.ts'
import { sharedCore } from '../shared-core.ts'

export const MIGRATIONS = readMigrations(join(import.meta.dirname, '../../../migrations/postgres'))

export interface TestDatabase {
  readonly store: PostgresStore
  /** A ledger over the same database with every row of before gone. */
  empty(options: CoreOptions): Promise<Harness>
  ledger(options?: CoreOptions): Ledger
  close(): Promise<void>
}

/** The core in this thread, which sleeps while the database works: for tests alone. */
export function openTestDatabase(url: string): TestDatabase {
  const bridge = openBridge(url, 'test')
  const store = openPostgres(bridge)
  migrate(store, MIGRATIONS)
  const ledger = (options: CoreOptions = { hosts: 'here' }) =>
    groupCommit(sharedCore(store, options), setImmediate)
  return {
    store,
    ledger,
    async empty(options) {
      store.script(EMPTY)
      return { ledger: ledger(options), restart: async () => ledger(options) }
    },
    close: () => bridge.close(),
  }
}

/** Everything but what the migrations themselves wrote; only tables with rows, which is much faster. */
const EMPTY = `DO $$ DECLARE t text; found boolean; BEGIN
  FOR t IN SELECT tablename FROM pg_tables WHERE schemaname = 'public' AND tablename NOT IN ('migrations', 'marks') LOOP
    EXECUTE format('SELECT EXISTS (SELECT 1 FROM %I)', t) INTO found;
    IF found THEN EXECUTE format('DELETE FROM %I', t); END IF;
  END LOOP; END $$`
