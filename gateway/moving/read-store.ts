import type { Store } from '../db/db.ts'
import { textIn } from '../db/row.ts'
import { readAccount, readHost, readMarks, readTables } from './read-units.ts'
import { GATEWAY_TABLES, type Unit } from './unit.ts'

/** Everything of a gateway that has one store, the gateway's own first: its cursor is older than any balance. */
export function* readStore(store: Store): Generator<Unit> {
  yield readMarks(store)
  yield* readTables(store, Object.values(GATEWAY_TABLES).flat())
  yield* readLedger(store)
}

/** The accounts and hosts of a store. */
export function* readLedger(store: Store): Generator<Unit> {
  for (const [id] of store.prepare('SELECT id FROM accounts ORDER BY id').all()) {
    yield* readAccount(store, textIn(id))
  }
  for (const [payee] of store.prepare('SELECT payee FROM hosts ORDER BY payee').all()) {
    yield readHost(store, textIn(payee))
  }
}
