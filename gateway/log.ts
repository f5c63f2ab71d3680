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
