import { and, eq, gte, sql } from 'drizzle-orm'
import { type UnixMs, unixMs } from '#base/brand.ts'
import { type Nano, nano, ZERO_NANO } from '#base/nano.ts'
import { columnNumber } from '../db/columns.ts'
import type { Row, Value } from '../db/db.ts'
import type { KeyId } from '../db/ids.ts'
import { nanoIn, numberIn } from '../db/row.ts'
import { holds, keyBudgets, usageDays } from '../db/schema.ts'
import type { Books } from './books.ts'
import type {
  BudgetPeriod,
  KeyBudget,
  KeySpending,
  ReadSpending,
  ReadSpendingResult,
  SpentBudget,
} from './port.ts'
import { DAY_MS, windowEnds, windowsOf } from './windows.ts'

const READ = `SELECT most_total, most_day, most_week, most_month, held, spent_total, spent_day, spent_week, spent_month,
  day_start, week_start, month_start, account FROM key_budgets WHERE key = ?`

const HOLD = 'UPDATE key_budgets SET held = held + ? WHERE key = ?'

/** A window that began later than this time stays: clocks step back, budgets do not grow by it. */
const SPEND = `UPDATE key_budgets SET held = held - ?, spent_total = spent_total + ?,
  spent_day = CASE WHEN day_start >= ? THEN spent_day ELSE 0 END + ?, day_start = CASE WHEN day_start >= ? THEN day_start ELSE ? END,
  spent_week = CASE WHEN week_start >= ? THEN spent_week ELSE 0 END + ?, week_start = CASE WHEN week_start >= ? THEN week_start ELSE ? END,
  spent_month = CASE WHEN month_start >= ? THEN spent_month ELSE 0 END + ?, month_start = CASE WHEN month_start >= ? THEN month_start ELSE ? END
  WHERE key = ?`

/** What keys with a budget hold and spend, inside the transaction that holds and spends it. */
export interface KeyBudgets {
  /** Holds the amount if every window has room for it. @returns the first one that has not */
  hold(key: KeyId | null, amount: Nano, at: UnixMs): SpentBudget | undefined
  /** A hold ended, at a cost or at none. */
  spend(key: Value, held: Nano, cost: Nano, at: UnixMs): void
  /** Whether a cost without a hold would fit. */
  fits(key: Value, cost: Nano, at: UnixMs): boolean
  /** A hold ended without any cost. */
  giveBack(key: Value, held: Nano): void
}

export function prepareKeyBudgets(books: Books): KeyBudgets {
  const { store } = books
  const read = store.prepare(READ)
  const hold = store.prepare(HOLD)
  const spend = store.prepare(SPEND)

  function overspent(key: KeyId, amount: Nano, at: UnixMs): SpentBudget | 'fits' | undefined {
    const row = read.get(key)
    if (row === undefined) return undefined
    const spent = isBehind(row, at)
      ? spendingOf(books, numberIn(row[12]), key, at)
      : spentIn(row, at)
    return firstOverspent(row, { spent, amount, at }) ?? 'fits'
  }

  return {
    hold(key, amount, at) {
      if (key === null) return undefined
      const over = overspent(key, amount, at)
      if (over === 'fits') hold.run(columnNumber(amount), key)
      return over === 'fits' ? undefined : over
    },
    spend(key, held, cost, at) {
      if (key === null) return
      const { day, week, month } = windowsOf(at)
      const number = columnNumber(cost)
      const windows = [day, week, month].flatMap((start) => [start, number, start, start])
      spend.run(columnNumber(held), number, ...windows, key)
    },
    fits(key, cost, at) {
      if (typeof key !== 'string') return true
      // Sound: the column holds ids of keys.
      const over = overspent(key as KeyId, cost, at)
      return over === undefined || over === 'fits'
    },
    giveBack(key, held) {
      if (key !== null) hold.run(-columnNumber(held), key)
    },
  }
}

const PERIODS = ['total', 'day', 'week', 'month'] as const satisfies readonly BudgetPeriod[]

type Spent = Readonly<Record<BudgetPeriod, Nano>>

/** A clock was ahead and was set back: what the columns counted before they went on with a later window is in the journal only. */
function isBehind(row: Row, at: UnixMs): boolean {
  const { day, week, month } = windowsOf(at)
  return [day, week, month].some((start, i) => numberIn(row[9 + i]) > start)
}

function spentIn(row: Row, at: UnixMs): Spent {
  const { day, week, month } = windowsOf(at)
  const since = (i: number, start: number): Nano =>
    numberIn(row[8 + i]) >= start ? nanoIn(row[5 + i]) : ZERO_NANO
  return { total: nanoIn(row[5]), day: since(1, day), week: since(2, week), month: since(3, month) }
}

/**
 * Holds count in the window in which they end, so that they count in every window now: whatever is spent in a window
 * never exceeds its limit.
 */
function firstOverspent(
  row: Row,
  { spent, amount, at }: { readonly spent: Spent; readonly amount: Nano; readonly at: UnixMs },
): SpentBudget | undefined {
  const held = nanoIn(row[4])
  for (const [i, period] of PERIODS.entries()) {
    const most = row[i]
    if (most === null || most === undefined) continue
    const used = nano(spent[period] + held)
    if (used + amount > nanoIn(most)) {
      const resets = period === 'total' ? null : windowEnds(at)[period]
      return { period, most: nanoIn(most), used, resets }
    }
  }
  return undefined
}

/** Gives a key its budgets; what it spent and holds already counts. */
export function writeBudget(
  books: Books,
  {
    key,
    account,
    budget,
    at,
  }: { key: KeyId; account: number; budget: KeyBudget | null; at: UnixMs },
): void {
  const { db } = books.store
  if (budget === null) {
    db.delete(keyBudgets).where(eq(keyBudgets.key, key)).run()
    return
  }
  const most = {
    most_total: budget.total,
    most_day: budget.day,
    most_week: budget.week,
    most_month: budget.month,
  }
  // What was spent while the clock was ahead belongs to windows that have not begun: the columns go on from there.
  const latest = unixMs(Math.max(at, lastDayOf(books, account, key) * DAY_MS))
  const { held, total, day, week, month } = spendingOf(books, account, key, latest)
  const starts = windowsOf(latest)
  db.insert(keyBudgets)
    .values({
      key,
      account,
      ...most,
      held,
      spent_total: total,
      spent_day: day,
      spent_week: week,
      spent_month: month,
      day_start: starts.day,
      week_start: starts.week,
      month_start: starts.month,
    })
    .onConflictDoUpdate({ target: keyBudgets.key, set: most })
    .run()
}

/** @see ReadSpending */
export function prepareReadSpending(books: Books): (op: ReadSpending) => ReadSpendingResult {
  return ({ account, key, at }) => {
    const no = books.accountNo(account) ?? -1
    return { ok: true, spending: spendingOf(books, no, key, at) }
  }
}

/** From the settlements and open holds themselves. */
function spendingOf(books: Books, account: number, key: KeyId, at: UnixMs): KeySpending {
  books.tail.index()
  const { db } = books.store
  const since = (first: number): Nano => {
    const own = and(
      eq(usageDays.account, account),
      eq(usageDays.key, key),
      gte(usageDays.day, first),
    )
    const row = db
      .select({ sum: SUM(usageDays.cost) })
      .from(usageDays)
      .where(own)
      .get()
    return nano(BigInt(row?.sum ?? 0))
  }
  const open = and(eq(holds.account, account), eq(holds.key, key), eq(holds.state, 'open'))
  const held = db
    .select({ sum: SUM(holds.amount) })
    .from(holds)
    .where(open)
    .get()
  const { day, week, month } = windowsOf(at)
  return {
    held: nano(BigInt(held?.sum ?? 0)),
    total: since(0),
    day: since(day),
    week: since(week),
    month: since(month),
  }
}

/** The latest day on which the key spent anything, since 1970-01-01; 0 for none. */
function lastDayOf({ store, tail }: Books, account: number, key: KeyId): number {
  tail.index()
  const own = and(eq(usageDays.account, account), eq(usageDays.key, key))
  const row = store.db
    .select({ day: sql<number>`COALESCE(MAX(${usageDays.day}), 0)` })
    .from(usageDays)
    .where(own)
    .get()
  return row?.day ?? 0
}

/** As text: 64-bit sums do not survive a double. */
const SUM = (column: typeof usageDays.cost | typeof holds.amount) =>
  sql<string>`CAST(COALESCE(SUM(${column}), 0) AS TEXT)`
