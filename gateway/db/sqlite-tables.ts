import type { Statement, Tables } from './db.ts'
import { textIn } from './row.ts'

/** SQLite's own knowledge of its tables, in a file or an object. */
export function sqliteTables(prepare: (sql: string) => Statement): Tables {
  return {
    columnsOf: (table) =>
      prepare('SELECT name FROM pragma_table_info(?)')
        .all(table)
        .map(([name]) => textIn(name)),
    derived: new Set(),
  }
}
