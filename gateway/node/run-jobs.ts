import type { Job } from '../jobs.ts'
import { codeOf, type Log } from '../log.ts'

export interface RunningJobs {
  /** Stops the timers and waits for what is running. */
  close(): Promise<void>
}

export type NoteRun = (job: string, result: 'ok' | 'failed') => void

/** A job of a longer period is looked at this often: daily restarts do not put it off for ever, and a failure waits no day. */
const LOOK_MS = 3_600_000

/** Runs every job at its period: never twice at once, and a failure ends nothing. */
export function runJobs(
  jobs: readonly Job[],
  { log, noteRun }: { readonly log: Log; readonly noteRun: NoteRun },
): RunningJobs {
  const timers: NodeJS.Timeout[] = []
  const running = new Map<string, Promise<void>>()
  for (const { name, everyMs, isDue, run } of jobs) {
    const stepMs = Math.min(everyMs, LOOK_MS)
    let waited = everyMs
    const timer = setInterval(() => {
      waited += stepMs
      if (waited < everyMs || running.has(name) || isDue?.() === false) return
      const work = run()
        .then(() => {
          waited = 0
          noteRun(name, 'ok')
        })
        .catch((error: unknown) => {
          noteRun(name, 'failed')
          log('warn', 'job failed', { job: name, code: codeOf(error) })
        })
        .finally(() => running.delete(name))
      running.set(name, work)
    }, stepMs)
    timer.unref()
    timers.push(timer)
  }
  return {
    async close() {
      for (const timer of timers) clearInterval(timer)
      await Promise.all(jobs.map(({ close }) => close?.()))
      await Promise.all(running.values())
    },
  }
}
