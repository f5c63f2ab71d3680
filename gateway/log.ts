/**
 * Everything that may be logged. Ids, codes and counts only: never content, keys, tokens, addresses of clients or
 * request parameters.
 */
export interface LogFields {
  readonly request?: string
  readonly receipt?: string
  readonly runner?: string
  readonly session?: string
  readonly account?: string
  readonly model?: string
  readonly path?: string
  readonly method?: string
  readonly code?: string
  readonly check?: string
  readonly job?: string
  readonly status?: number
  readonly count?: number
  readonly attempt?: number
  readonly ms?: number
  readonly version?: number
}

/** The same at run time: types are gone where a mistake would show. */
const FIELDS = {
  request: 'string',
  receipt: 'string',
  runner: 'string',
  session: 'string',
  account: 'string',
  model: 'string',
  path: 'string',
  method: 'string',
  code: 'string',
  check: 'string',
  job: 'string',
  status: 'number',
  count: 'number',
  attempt: 'number',
  ms: 'number',
  version: 'number',
} as const satisfies Record<keyof LogFields, 'string' | 'number'>

/** Ids, codes and paths are short and printable; anything else is content. */
const SHORT = /^[\x21-\x7e]{1,200}$/

/** What of the fields may be written: named in the list, of its type, and short. */
export function loggable(fields: object): Readonly<Record<string, string | number>> {
  const allowed: Record<string, string | number> = {}
  for (const [name, type] of Object.entries(FIELDS)) {
    // Sound: any object may be read by name.
    const value = (fields as Readonly<Record<string, unknown>>)[name]
    if (type === 'number' && typeof value === 'number') allowed[name] = value
    if (type === 'string' && typeof value === 'string') {
      allowed[name] = SHORT.test(value) ? value : '(not shown)'
    }
  }
  return allowed
}

export type LogLevel = 'debug' | 'info' | 'warn' | 'error'
export type Log = (level: LogLevel, message: string, fields?: LogFields) => void

/** The code of anything thrown, for a log line: never its message, which may hold parameters. */
export function codeOf(thrown: unknown): string {
  if (typeof thrown === 'object' && thrown !== null && 'code' in thrown) {
    const { code } = thrown
    if (typeof code === 'string') return code
  }
  return thrown instanceof Error ? thrown.name : 'unknown'
}
