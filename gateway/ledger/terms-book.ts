import { eq } from 'drizzle-orm'
import { columnNumber } from '../db/columns.ts'
import type { Store } from '../db/db.ts'
import { terms as table } from '../db/schema.ts'
import type { Terms } from './port.ts'

/** Terms kept in memory by number; beyond that all are forgotten and read again. */
const MAX_TERMS = 10_000

/** Terms by number and numbers by terms: requests name them by identity, rows by number. */
export interface TermsBook {
  /** The number of these terms, written down when they are new. */
  numberOf(terms: Terms): number
  read(number: number): Terms
  reset(): void
}

export function openTermsBook(store: Store): TermsBook {
  const values = (t: Terms) =>
    [
      t.runner,
      t.session,
      t.model,
      t.payee,
      columnNumber(t.price.input),
      columnNumber(t.price.cached),
      columnNumber(t.price.output),
      t.commissionBps,
    ] as const
  const find = store.prepare(
    `SELECT id FROM terms WHERE runner = ? AND session = ? AND model = ? AND payee = ?
       AND price_input = ? AND price_cached = ? AND price_output = ? AND commission_bps = ?`,
  )
  const insert = store.prepare(
    `INSERT INTO terms (runner, session, model, payee, price_input, price_cached, price_output, commission_bps)
     VALUES (?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING RETURNING id`,
  )
  let numbers = new WeakMap<Terms, number>()
  const known = new Map<number, Terms>()

  function remember(number: number, terms: Terms): number {
    if (known.size >= MAX_TERMS) known.clear()
    known.set(number, terms)
    numbers.set(terms, number)
    return number
  }

  return {
    numberOf(terms) {
      const remembered = numbers.get(terms)
      if (remembered !== undefined) return remembered
      const named = values(terms)
      // Another writer of the same database may write them down between the two.
      const row = find.get(...named) ?? insert.get(...named) ?? find.get(...named)
      return remember(Number(row?.[0]), terms)
    },
    read(number) {
      const remembered = known.get(number)
      if (remembered !== undefined) return remembered
      const row = store.db.select().from(table).where(eq(table.id, number)).get()
      if (row === undefined) throw new RangeError('a row without its terms')
      const { model, runner, session, payee, commission_bps: commissionBps } = row
      const price = { input: row.price_input, cached: row.price_cached, output: row.price_output }
      const terms: Terms = { model, runner, session, payee, price, commissionBps }
      remember(number, terms)
      return terms
    },
    reset() {
      numbers = new WeakMap()
      known.clear()
    },
  }
}
