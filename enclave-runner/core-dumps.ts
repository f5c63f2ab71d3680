import { execFileSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { CodedError } from '#base/coded-error.ts'

/** Where this process's memory may be written to, as far as the system tells (M18). */
export interface MemoryFacts {
  readonly coreDumps: 'off' | 'on' | 'unknown'
  /** Node cannot lock its memory: a machine without swap has nowhere to write it to. */
  readonly swap: 'none' | 'present' | 'unknown'
}

/** `unsafe`: production does not start like this; the message says what to change. */
export class MemoryError extends CodedError<'unsafe'> {
  override readonly name = 'MemoryError'
}

const PRLIMIT = '/usr/bin/prlimit'

/** Switches core dumps of this process off. @throws MemoryError in production, when they stay on */
export function stopCoreDumps(isProduction: boolean): MemoryFacts {
  try {
    execFileSync(PRLIMIT, ['--core=0:0', `--pid=${process.pid}`], { stdio: 'ignore' })
  } catch {
    // The service may have done it already: what counts is what the kernel says.
  }
  const coreDumps = readCoreLimit()
  if (isProduction && coreDumps !== 'off') {
    throw new MemoryError('unsafe', 'core dumps stay on: set LimitCORE=0 in the service')
  }
  return { coreDumps, swap: readSwap() }
}

function readCoreLimit(): MemoryFacts['coreDumps'] {
  const limits = readText('/proc/self/limits')
  if (limits === undefined) return 'unknown'
  return /^Max core file size +0 /m.test(limits) ? 'off' : 'on'
}

function readSwap(): MemoryFacts['swap'] {
  const lines = readText('/proc/swaps')?.trim().split('\n')
  if (lines === undefined) return 'unknown'
  return lines.length > 1 ? 'present' : 'none'
}

function readText(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8')
  } catch {
    return undefined
  }
}
