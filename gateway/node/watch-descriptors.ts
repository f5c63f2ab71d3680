import { closeSync, openSync, readFileSync } from 'node:fs'
import type { Clock } from '#base/brand.ts'
import type { Job } from '../jobs.ts'
import { codeOf, type Log } from '../log.ts'
import type { Metrics } from '../metrics.ts'

/** Linux alone has it. */
const LIMITS = '/proc/self/limits'
const SOFT_LIMIT = /^Max open files\s+(\d+)/m
const LOOK_MS = 1_000
/** A hint of this kind comes so often at most. */
const QUIET_MS = 60_000
/** Part of all descriptors from which on the operator is warned. */
const FEW = 0.9

export type Descriptors =
  | 'none left'
  | {
      /** So many are in use at least. */
      readonly used: number
      readonly limit: number
    }

type Standing = 'enough' | 'few' | 'none'

export interface DescriptorsDeps {
  /** Undefined: this system does not say. */
  readonly look: () => Descriptors | undefined
  readonly clock: Clock
  readonly log: Log
  readonly metrics: Pick<Metrics, 'outOfDescriptors'>
}

/**
 * Tells the operator that file descriptors run out. The kernel gives a connection beyond them up without a word: clients see it
 * close, and nothing in this process fails.
 */
export function descriptorsJob({ look, clock, log, metrics }: DescriptorsDeps): Job {
  const toldAt: Record<Standing, number> = { enough: 0, few: 0, none: 0 }
  let told: Standing = 'enough'
  return {
    name: 'descriptors',
    everyMs: LOOK_MS,
    run: async () => {
      const seen = look()
      if (seen === undefined) return
      if (seen === 'none left') metrics.outOfDescriptors()
      const standing = standingOf(seen)
      const now = clock()
      // A clock that is set back silences nothing for longer.
      if (standing === told || Math.abs(now - toldAt[standing]) < QUIET_MS) return
      told = standing
      toldAt[standing] = now
      TELL[standing](log, seen)
    },
  }
}

function standingOf(seen: Descriptors): Standing {
  if (seen === 'none left') return 'none'
  return seen.used >= seen.limit * FEW ? 'few' : 'enough'
}

const TELL: Readonly<Record<Standing, (log: Log, seen: Descriptors) => void>> = {
  none: (log) =>
    log(
      'error',
      'no file descriptor is left, connections are dropped: raise LimitNOFILE (ulimit -n), or see who holds them',
    ),
  few: (log, seen) =>
    log('warn', 'file descriptors run out: raise LimitNOFILE (ulimit -n)', {
      count: seen === 'none left' ? 0 : seen.limit - seen.used,
    }),
  enough: (log) => log('info', 'there are file descriptors again'),
}

/** A new descriptor is the lowest that is free: everything below it is in use. */
export function lookAtDescriptors(): Descriptors | undefined {
  let opened: number | undefined
  try {
    opened = openSync(LIMITS, 'r')
    const [, limit] = SOFT_LIMIT.exec(readFileSync(opened, 'utf8')) ?? []
    return limit === undefined ? undefined : { used: opened, limit: Number(limit) }
  } catch (error) {
    return NONE.has(codeOf(error)) ? 'none left' : undefined
  } finally {
    if (opened !== undefined) closeSync(opened)
  }
}

/** Of this process, and of the whole system. */
const NONE: ReadonlySet<string> = new Set(['EMFILE', 'ENFILE'])
