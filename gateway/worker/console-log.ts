import type { Log, LogLevel } from '../log.ts'

const LEVELS: readonly LogLevel[] = ['debug', 'info', 'warn', 'error']

/** Log lines as JSON, with the allowlisted fields only; Cloudflare collects what a Worker writes. */
export function createConsoleLog(least: LogLevel, write: (line: string) => void): Log {
  const from = LEVELS.indexOf(least)
  return (level, message, fields) => {
    if (LEVELS.indexOf(level) >= from) write(JSON.stringify({ level, msg: message, ...fields }))
  }
}
