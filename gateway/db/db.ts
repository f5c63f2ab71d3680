import type { BaseSQLiteDatabase } from 'drizzle-orm/sqlite-core'
import type * as schema from './schema.ts'

/** Drizzle over any synchronous SQLite: better-sqlite3 on Node, a Durable Object's storage on Workers. */
export type Db = BaseSQLiteDatabase<'sync', unknown, typeof schema>

/** What a port over tables gives: at once where its store is in this thread, else later. */
export type Answer<T> = T | Promise<T>

export type Value = string | number | null
/** A row's values in the order of the statement's columns. */
export type Row = readonly Value[]

/** A prepared statement with positional parameters. */
export interface Statement {
  /** Whether any row was written. */
  run(...params: Value[]): boolean
  get(...params: Value[]): Row | undefined
  all(...params: Value[]): readonly Row[]
}

/** What a database knows of its own tables. */
export interface Tables {
  columnsOf(table: string): readonly string[]
  /** Those whose rows follow from other tables by themselves, and are not written. */
  readonly derived: ReadonlySet<string>
}

/** A store's database: Drizzle for what is written once a day, prepared statements for the hot path. */
export interface Store {
  readonly db: Db
  readonly tables: Tables
  prepare(sql: string): Statement
  /** Runs several statements separated by semicolons. */
  script(sql: string): void
  /** One durable transaction; an exception undoes it. Never nested. */
  transaction<T>(work: () => T): T
}
