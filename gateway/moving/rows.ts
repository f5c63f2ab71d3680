import { base64, fromBase64 } from '#base/bytes.ts'
import type { Store, Value } from '../db/db.ts'
import type { Cell, TableRows } from './unit.ts'

/** Reads rows of a table as they stand. @param where SQL of this folder's own */
export function readRows(
  store: Store,
  table: string,
  where: string,
  ...params: readonly Value[]
): TableRows {
  const columns = store.tables.columnsOf(table)
  const rows = store.prepare(`SELECT ${columns.join(', ')} FROM ${table} ${where}`).all(...params)
  return { columns, rows: rows.map((row) => row.map(cellOf)) }
}

/**
 * Inserts rows, with some columns given anew; none where they follow from others by themselves. Nothing is replaced: a row that
 * exists already is an error.
 * @param change by column: what a value becomes; undefined leaves the column to the table
 */
export function insertRows(
  store: Store,
  table: string,
  { columns, rows }: TableRows,
  change: Readonly<Record<string, (value: Cell) => Cell | undefined>> = {},
): void {
  if (store.tables.derived.has(table)) return
  const known = new Set(store.tables.columnsOf(table))
  // Names come from a file: only this table's own ones become SQL.
  if (!columns.every((name) => known.has(name))) throw new RangeError(`${table} has other columns`)
  for (const row of rows) {
    const entries = columns.flatMap((name, i): [string, Cell][] => {
      const value = row[i] ?? null
      const changed = Object.hasOwn(change, name) ? change[name]?.(value) : value
      return changed === undefined ? [] : [[name, changed]]
    })
    const names = entries.map(([name]) => name)
    const marks = names.map(() => '?')
    store
      .prepare(`INSERT INTO ${table} (${names.join(', ')}) VALUES (${marks.join(', ')})`)
      .run(...entries.map(([, value]) => parameterOf(value)))
  }
}

/** A row as an object. */
export function entriesOf({ columns, rows }: TableRows): readonly Readonly<Record<string, Cell>>[] {
  return rows.map((row) => Object.fromEntries(columns.map((name, i) => [name, row[i] ?? null])))
}

function cellOf(value: unknown): Cell {
  if (value instanceof ArrayBuffer) return { base64: base64(new Uint8Array(value)) }
  if (value instanceof Uint8Array) return { base64: base64(new Uint8Array(value)) }
  // Sound: STRICT tables hold text, numbers, bytes and null.
  return value as string | number | null
}

function parameterOf(cell: Cell): Value {
  if (typeof cell !== 'object' || cell === null) return cell
  // Sound: both drivers take bytes as a parameter; only this table of leases has any.
  return fromBase64(cell.base64) as unknown as Value
}
