import { drizzle } from 'drizzle-orm/durable-sqlite'
import type { Row, Statement, Store, Value } from '../db/db.ts'
import { numberIn, textIn } from '../db/row.ts'
import * as schema from '../db/schema.ts'
import type { Bridge } from './bridge.ts'
import { inPostgres } from './dialect.ts'
import { PostgresError } from './errors.ts'
import type { Locks } from './locks.ts'
import type { Scalar } from './wire-protocol.ts'

export interface PostgresStore extends Store {
  /**
   * What each transaction from now on locks before anything else; undefined: nothing. A guarded one is `raced` when
   * accounts were forgotten since the last time.
   */
  guard(locks: Locks | undefined): void
  /** Reads of one moment. */
  snapshot<T>(read: () => T): T
  /** How often accounts were forgotten: whoever remembers accounts forgets them when this changes. */
  readonly forgotten: number
}

/** PostgreSQL as a store of the synchronous core. */
export function openPostgres(bridge: Bridge): PostgresStore {
  const query = (sql: string, params: readonly Scalar[]) =>
    bridge.ask({ ask: 'query', sql, params })
  let locks: Locks | undefined
  let forgotten = UNKNOWN

  function begin(): string | undefined {
    const [row] = bridge.ask({ ask: 'begin', sql: beginning(locks) }).rows
    if (row === undefined) return undefined
    // Sound: `beginning` asks for a number and a text, or none, last.
    const [count, id] = row as Row
    const before = forgotten
    forgotten = numberIn(count)
    if (before !== UNKNOWN && forgotten !== before) {
      throw new PostgresError('raced', 'accounts were forgotten')
    }
    return id == null ? undefined : textIn(id)
  }

  function within<T>(open: () => string | undefined, work: () => T): T {
    try {
      const id = open()
      const result = work()
      bridge.ask({ ask: 'commit', id })
      return result
    } catch (error) {
      rollback(bridge)
      throw error
    }
  }

  return {
    db: drizzleOver(query),
    tables: {
      columnsOf: (table) => query(COLUMNS, [table]).rows.map(([name]) => String(name)),
      derived: DERIVED,
    },
    prepare: (sql) => statement(query, inPostgres(sql)),
    script: (sql) => {
      bridge.ask({ ask: 'script', sql })
    },
    transaction: (work) => within(begin, work),
    snapshot: (read) => within(() => void bridge.ask({ ask: 'begin', sql: SNAPSHOT }), read),
    guard: (next) => {
      locks = next
    },
    get forgotten() {
      return forgotten
    },
  }
}

function rollback(bridge: Bridge): void {
  try {
    bridge.ask({ ask: 'rollback' })
  } catch (error) {
    // Without its connection a transaction is undone by the server.
    if (!(error instanceof PostgresError)) throw error
  }
}

const UNKNOWN = -1
const COLUMNS = `SELECT column_name FROM information_schema.columns
  WHERE table_schema = current_schema() AND table_name = $1 ORDER BY ordinal_position`
/** Views, and what a trigger adds up. */
const DERIVED = new Set(['settlement_attempts', 'settlement_accounts', 'usage_days'])
const SNAPSHOT = 'BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY'
const FORGOTTEN = "(SELECT value FROM marks WHERE name = 'accounts_forgotten')"

/** One message: BEGIN, the locks in order, and what must be known under them. */
function beginning(locks: Locks | undefined): string {
  if (locks === undefined) return 'BEGIN'
  if (locks.kind === 'snapshot') {
    return `${SNAPSHOT}; SELECT ${FORGOTTEN}, NULL`
  }
  const facts = `SELECT ${FORGOTTEN}, pg_current_xact_id()::text`
  return ['BEGIN', ...locks.statements, facts].join('; ')
}

type Query = (
  sql: string,
  params: readonly Scalar[],
) => {
  readonly columns: readonly string[]
  readonly rows: readonly (readonly Scalar[])[]
  readonly count: number
}

function statement(query: Query, sql: string): Statement {
  return {
    run: (...params) => query(sql, params).count > 0,
    // Sound: hand-written statements name no column of bytes.
    get: (...params) => query(sql, params).rows[0] as Row | undefined,
    all: (...params) => query(sql, params).rows as readonly Row[],
  }
}

/** What Drizzle's driver for synchronous storage asks of it: the same three ways to read a cursor. */
function drizzleOver(query: Query): Store['db'] {
  const exec = (sql: string, ...params: readonly Value[]) => {
    const { columns, rows } = query(inPostgres(sql), params)
    const objects = () =>
      rows.map((row) => Object.fromEntries(columns.map((name, i) => [name, row[i]])))
    return {
      raw: () => ({ toArray: () => rows }),
      toArray: objects,
      next: () => ({ value: objects()[0] }),
    }
  }
  const storage = { sql: { exec }, transactionSync: <T>(work: () => T) => work() }
  // Sound: the driver calls exec, raw, toArray and next; its dialect's SQL is checked by the conformance suite.
  return drizzle(storage as never, { schema }) as Store['db']
}
