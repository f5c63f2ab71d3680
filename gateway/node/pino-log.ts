import { pino } from 'pino'
import type { Log, LogLevel } from '../log.ts'

/** Log lines on standard output, with the allowlisted fields only. */
export function createPinoLog(level: LogLevel): Log {
  const logger = pino({ level, base: null })
  return (at, message, fields) => {
    logger[at](fields ?? {}, message)
  }
}
