import { closeSync, openSync } from 'node:fs'
import Database from 'better-sqlite3'
import { drizzle } from 'drizzle-orm/better-sqlite3'
import type { Row, Statement, Store, Value } from '../db/db.ts'
import * as schema from '../db/schema.ts'
import { sqliteTables } from '../db/sqlite-tables.ts'

/** Wait for another process's short lock (`cocoon audit`, a backup) before giving up. */
const BUSY_MS = 5_000
/** WAL pages after which SQLite would checkpoint inside a commit: never reached while the timer runs. */
const AUTOCHECKPOINT_PAGES = 100_000
/** A file that is there already keeps the mode that its operator gave it. */
const OWNER_ONLY = 0o600
const CACHE_KIB = 65_536

export interface SqliteStore extends Store {
  /** Moves the WAL into the file without blocking writers; called from a timer so that no commit pays for it. */
  checkpoint(): void
  close(): void
}

/**
 * Opens the one file of a Node gateway: WAL, and `synchronous=FULL`, so that a commit that returned survives a
 * power cut.
 */
export function openSqlite(path: string): SqliteStore {
  // Hashes of keys and the runners' allowance keys are in it: SQLite gives -wal and -shm the file's own mode.
  if (path !== ':memory:') closeSync(openSync(path, 'a', OWNER_ONLY))
  const client = new Database(path)
  client.pragma('journal_mode = WAL')
  client.pragma('synchronous = FULL')
  client.pragma(`busy_timeout = ${BUSY_MS}`)
  client.pragma(`wal_autocheckpoint = ${AUTOCHECKPOINT_PAGES}`)
  client.pragma(`cache_size = -${CACHE_KIB}`)
  const begin = client.prepare('BEGIN IMMEDIATE')
  const end = client.prepare('COMMIT')
  const undo = client.prepare('ROLLBACK')
  const prepare = (sql: string) => statement(client.prepare(sql))
  return {
    db: drizzle(client, { schema }),
    tables: sqliteTables(prepare),
    prepare,
    script: (sql) => {
      client.exec(sql)
    },
    transaction: (work) => {
      begin.run()
      try {
        const result = work()
        end.run()
        return result
      } catch (error) {
        // A failed COMMIT may have ended the transaction by itself (disk full).
        if (client.inTransaction) undo.run()
        throw error
      }
    },
    checkpoint: () => {
      client.pragma('wal_checkpoint(PASSIVE)')
    },
    close: () => client.close(),
  }
}

function statement(prepared: Database.Statement<Value[]>): Statement {
  if (prepared.reader) prepared.raw(true)
  return {
    run: (...params) => prepared.run(...params).changes > 0,
    // Sound: raw rows of STRICT tables without blobs hold text, numbers and null.
    get: (...params) => prepared.get(...params) as Row | undefined,
    all: (...params) => prepared.all(...params) as Row[],
  }
}
