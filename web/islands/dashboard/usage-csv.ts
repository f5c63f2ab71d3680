import type { UsedRequest } from '../lib/account.ts'

const COLUMNS = [
  'receipt',
  'time',
  'model',
  'key',
  'prompt_tokens',
  'cached_tokens',
  'completion_tokens',
  'finish',
  'cost_nano',
  'session',
] as const

/** Requests as a table for spreadsheets: exact amounts in nanoTON. */
export function usageCsv(
  requests: readonly UsedRequest[],
  nameOfKey: (id: string) => string,
): string {
  const rows = requests.map((request) => [
    request.id,
    new Date(request.at * 1000).toISOString(),
    request.model,
    nameOfKey(request.key),
    request.prompt,
    request.cached,
    request.completion,
    request.finish,
    request.cost,
    request.session,
  ])
  return [COLUMNS, ...rows].map((row) => `${row.map(cell).join(',')}\r\n`).join('')
}

/** Quoted where it must be; a leading sign that a spreadsheet would run as a formula is made text. */
function cell(value: string | number | bigint): string {
  const text = String(value)
  const harmless = /^[=+\-@\t\r]/.test(text) ? `'${text}` : text
  return /[",\r\n]/.test(harmless) ? `"${harmless.replaceAll('"', '""')}"` : harmless
}
