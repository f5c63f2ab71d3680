import type { Store } from '../db/db.ts'
import { textIn } from '../db/row.ts'
import { readAccount, readHosts, readMarks, readTables, type UnitRead } from './read-units.ts'
import { GATEWAY_TABLES } from './unit.ts'

/** Everything of a gateway that has one store, the gateway's own first: its cursor is older than any balance. */
export function* readStore(store: Store): Generator<UnitRead> {
  yield () => readMarks(store)
  yield* readTables(store, Object.values(GATEWAY_TABLES).flat())
  yield* readLedger(store)
}

/** The accounts and hosts of a store. */
export function* readLedger(store: Store): Generator<UnitRead> {
  for (const [id] of store.prepare('SELECT id FROM accounts ORDER BY id').all()) {
    yield* readAccount(store, textIn(id))
  }
  yield* readHosts(store)
}
