import type { Context } from 'hono'
import { toSeconds } from '#base/brand.ts'
import type { KeyDeps } from '../accounts/keys.ts'
import type { AccountId } from '../db/ids.ts'
import { ApiError } from '../errors.ts'
import type { AppEnv } from '../http/env.ts'
import { callerOf } from '../http/require-account.ts'
import type { Ledger, SettledRequest, UsageColumn, UsageRow } from '../ledger/port.ts'
import { receiptIdOf, tonNumber } from './openrouter.ts'

const MAX_LISTED = 100
const DAY_SECONDS = 86_400
/** Days of one report when none are given. */
const USUAL_DAYS = 30
const MAX_DAYS = 366
const DATE = /^\d{4}-\d{2}-\d{2}$/
const COLUMNS: ReadonlySet<string> = new Set(['day', 'model', 'key'] satisfies UsageColumn[])

/** `GET /v1/account/usage`: settled requests one by one, or summed up with `group_by`; both also as CSV. */
export async function usageAnswer(deps: KeyDeps, context: Context<AppEnv>): Promise<Response> {
  const { account } = callerOf(context)
  const { group_by: groups, before, format, from, to } = context.req.query()
  if (format !== undefined && format !== 'csv' && format !== 'json') {
    throw invalid('format', 'format must be json or csv')
  }
  if (groups === undefined && (from ?? to) !== undefined) {
    throw invalid('group_by', 'days are of a report: name its group_by')
  }
  const answer =
    groups === undefined
      ? await settledPage(deps.ledger, account, before)
      : await report(deps, account, { ...context.req.query(), groups })
  if (format !== 'csv') return context.json(answer)
  const next = 'next_before' in answer ? answer.next_before : null
  // Rows alone would not tell that there are more (RFC 8288).
  const link = next === null ? {} : { link: `<?format=csv&before=${next}>; rel="next"` }
  return csv(context, answer.data, link)
}

async function settledPage(ledger: Ledger, account: AccountId, before: string | undefined) {
  const [{ settlements }] = await ledger.commit([
    { op: 'list_settlements', account, before: readBefore(before), limit: MAX_LISTED },
  ])
  const last = settlements.at(-1)
  return {
    object: 'list' as const,
    data: settlements.map(usageView),
    next_before: settlements.length < MAX_LISTED ? null : (last?.id ?? null),
  }
}

async function report(
  deps: KeyDeps,
  account: AccountId,
  asked: { groups: string; from?: string; to?: string },
) {
  const by = [...new Set(asked.groups.split(','))].filter(isColumn)
  if (by.join() !== asked.groups) throw invalid('group_by', 'group_by takes day, model and key')
  const today = Math.floor(toSeconds(deps.clock()) / DAY_SECONDS)
  const to = asked.to === undefined ? today : dayOf('to', asked.to)
  const from = asked.from === undefined ? to - USUAL_DAYS + 1 : dayOf('from', asked.from)
  if (from > to) throw invalid('from', 'from must not be after to')
  if (to - from >= MAX_DAYS) throw invalid('from', `a report takes at most ${MAX_DAYS} days`)
  const [{ rows, cut }] = await deps.ledger.commit([
    { op: 'usage_report', account, from, to, by, key: null },
  ])
  if (cut) throw invalid('from', 'the report has too many rows: ask for fewer days or columns')
  return {
    object: 'usage_report' as const,
    from: dateOf(from),
    to: dateOf(to),
    group_by: by,
    data: rows.map((row) => rowView(row, by)),
  }
}

function isColumn(text: string): text is UsageColumn {
  return COLUMNS.has(text)
}

function rowView(row: UsageRow, by: readonly UsageColumn[]) {
  const columns = {
    day: row.day === null ? null : dateOf(row.day),
    model: row.model,
    key: row.key,
  }
  return {
    ...Object.fromEntries(
      by.map((column) => [column === 'key' ? 'key_id' : column, columns[column]]),
    ),
    requests: row.requests,
    tokens_prompt: row.prompt_tokens,
    tokens_cached: row.cached_tokens,
    tokens_completion: row.completion_tokens,
    tokens_reasoning: row.reasoning_tokens,
    cost: row.cost.toString(),
    total_cost: tonNumber(row.cost),
  }
}

function dayOf(param: string, text: string): number {
  const time = DATE.test(text) ? Date.parse(`${text}T00:00:00Z`) : Number.NaN
  const day = time / 1000 / DAY_SECONDS
  if (!Number.isInteger(day) || dateOf(day) !== text) {
    throw invalid(param, `${param} must be a day in UTC, like 2026-01-31`)
  }
  return day
}

function dateOf(day: number): string {
  return new Date(day * DAY_SECONDS * 1000).toISOString().slice(0, 10)
}

/** A sequence number of an earlier page. */
export function readBefore(text: string | undefined): number | null {
  if (text === undefined) return null
  if (/^[1-9][0-9]{0,14}$/.test(text)) return Number(text)
  throw invalid('before', 'before must be an id of an earlier page')
}

function invalid(param: string, message: string): ApiError {
  return new ApiError('invalid_request', message, { param })
}

type Cell = string | number | null

function csv(
  context: Context<AppEnv>,
  rows: readonly Readonly<Record<string, Cell>>[],
  link: Readonly<Record<string, string>>,
): Response {
  const header = Object.keys(rows[0] ?? { cost: 0 })
  const lines = [header, ...rows.map((row) => header.map((name) => cellOf(row[name] ?? null)))]
  return context.body(lines.map((line) => `${line.join(',')}\r\n`).join(''), 200, {
    'content-type': 'text/csv; charset=utf-8',
    'content-disposition': 'attachment; filename="usage.csv"',
    ...link,
  })
}

/** RFC 4180. Ids, counts and names of models: a leading sign would be a formula to a spreadsheet. */
function cellOf(value: Cell): string {
  const text = value === null ? '' : String(value)
  const safe = typeof value === 'string' && /^[=+\-@]/.test(text) ? `'${text}` : text
  return /[",\r\n]/.test(safe) ? `"${safe.replaceAll('"', '""')}"` : safe
}

function usageView(settled: SettledRequest) {
  return {
    id: receiptIdOf(settled),
    model: settled.model,
    runner: settled.runner,
    session_id: settled.session,
    key_id: settled.key,
    created_at: Math.floor(settled.reservedAt / 1000),
    settled_at: Math.floor(settled.settledAt / 1000),
    tokens_prompt: settled.usage.prompt_tokens,
    tokens_cached: settled.usage.cached_tokens,
    tokens_completion: settled.usage.completion_tokens,
    tokens_reasoning: settled.usage.reasoning_tokens,
    finish: settled.stop,
    cost: settled.cost.toString(),
    total_cost: tonNumber(settled.cost),
  }
}
