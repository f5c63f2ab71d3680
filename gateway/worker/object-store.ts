import { drizzle } from 'drizzle-orm/durable-sqlite'
import type { Row, Statement, Store, Value } from '../db/db.ts'
import * as schema from '../db/schema.ts'
import { sqliteTables } from '../db/sqlite-tables.ts'

/** A Durable Object's own SQLite as a store; its output gate holds answers back until writes are durable. */
export function objectStore(storage: DurableObjectStorage): Store {
  const exec = (query: string, params: readonly Value[]) => storage.sql.exec(query, ...params)
  const prepare = (query: string): Statement => ({
    run: (...params) => {
      const cursor = exec(query, params)
      cursor.toArray()
      return cursor.rowsWritten > 0
    },
    // Sound: STRICT tables without blobs in hand-written statements give text, numbers and null.
    get: (...params) => [...exec(query, params).raw()][0] as Row | undefined,
    all: (...params) => [...exec(query, params).raw()] as Row[],
  })
  return {
    db: drizzle(storage, { schema }),
    tables: sqliteTables(prepare),
    prepare,
    script: (query) => {
      exec(query, []).toArray()
    },
    transaction: (work) => storage.transactionSync(work),
  }
}
