import { join } from 'node:path'
import { type Migration, migrate } from '../../db/migrate.ts'
import { type CoreOptions, createCore } from '../../ledger/core.ts'
import { groupCommit } from '../../ledger/group-commit.ts'
import type { Ledger } from '../../ledger/port.ts'
import type { Harness } from '../../ledger/testing/harness.ts'
import { readMigrations } from '../../node.ts'
import { openSqlite, type SqliteStore } from '../open-sqlite.ts'

const FOLDER = join(import.meta.dirname, '../../../migrations')

export const MIGRATIONS: readonly Migration[] = readMigrations(FOLDER)

export interface TestLedger {
  readonly store: SqliteStore
  readonly ledger: Ledger
}

/** A ledger on a file, or in memory, brought to the newest schema. */
export function openLedger(path: string, options: CoreOptions = { hosts: 'here' }): TestLedger {
  const store = openSqlite(path)
  migrate(store, MIGRATIONS)
  return { store, ledger: groupCommit(createCore(store, options), setImmediate) }
}

/** A ledger in memory whose restart is a new core over the same data. */
export async function memoryHarness(options: CoreOptions): Promise<Harness> {
  const { store, ledger } = openLedger(':memory:', options)
  return { ledger, restart: async () => groupCommit(createCore(store, options), setImmediate) }
}
