import { keyId } from '../db/ids.ts'
import { nanoIn, numberIn, textIn } from '../db/row.ts'
import type { Books } from './books.ts'
import type { UsageColumn, UsageReport, UsageReportResult, UsageRow } from './port.ts'

/** Rows of one report. */
const MAX_USAGE_ROWS = 10_000

const COLUMNS = ['day', 'model', 'key'] as const satisfies readonly UsageColumn[]
const SUMS = [
  'requests',
  'prompt_tokens',
  'cached_tokens',
  'completion_tokens',
  'reasoning_tokens',
  'cost',
] as const

/** @see UsageReport */
export function prepareUsageReport(books: Books): (op: UsageReport) => UsageReportResult {
  return ({ account, from, to, by, key }) => {
    books.tail.index()
    const shown = COLUMNS.map((column) => (by.includes(column) ? column : `NULL AS ${column}`))
    const sums = SUMS.map((column) => `SUM(${column})`)
    const group = by.length === 0 ? '' : `GROUP BY ${by.join(', ')} ORDER BY ${by.join(', ')}`
    const own = key === null ? '' : 'AND key = ?'
    const rows = books.store
      .prepare(
        `SELECT ${[...shown, ...sums].join(', ')} FROM usage_days
         WHERE account = ? AND day BETWEEN ? AND ? ${own} ${group} LIMIT ?`,
      )
      .all(
        books.accountNo(account) ?? -1,
        from,
        to,
        ...(key === null ? [] : [key]),
        MAX_USAGE_ROWS + 1,
      )
    // Without groups SQLite gives one row, of nothing when there was no usage.
    const found = rows.filter((row) => row[COLUMNS.length] !== null)
    const cut = found.length > MAX_USAGE_ROWS
    return { ok: true, rows: found.slice(0, MAX_USAGE_ROWS).map(usageRow), cut }
  }
}

function usageRow([
  day,
  model,
  key,
  requests,
  prompt,
  cached,
  completion,
  reasoning,
  cost,
]: readonly (string | number | null)[]): UsageRow {
  return {
    day: day == null ? null : numberIn(day),
    model: model == null ? null : textIn(model),
    key: key == null || key === '' ? null : keyId(textIn(key)),
    requests: numberIn(requests),
    prompt_tokens: numberIn(prompt),
    cached_tokens: numberIn(cached),
    completion_tokens: numberIn(completion),
    reasoning_tokens: numberIn(reasoning),
    cost: nanoIn(cost),
  }
}
