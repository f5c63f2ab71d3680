import { type DestinationStream, pino } from 'pino'
import { type Log, type LogLevel, loggable } from '../log.ts'

/** Log lines, on standard output by default, with the allowlisted fields only. */
export function createPinoLog(level: LogLevel, destination?: DestinationStream): Log {
  const logger = pino({ level, base: null }, destination)
  return (at, message, fields) => {
    logger[at](loggable(fields ?? {}), message)
  }
}
