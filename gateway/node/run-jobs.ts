import type { Job } from '../jobs.ts'
import { codeOf, type Log } from '../log.ts'

export interface RunningJobs {
  /** Stops the timers and waits for what is running. */
  close(): Promise<void>
}

export type NoteRun = (job: string, result: 'ok' | 'failed') => void

/** Runs every job at its period: never twice at once, and a failure ends nothing. */
export function runJobs(
  jobs: readonly Job[],
  { log, noteRun }: { readonly log: Log; readonly noteRun: NoteRun },
): RunningJobs {
  const timers: NodeJS.Timeout[] = []
  const running = new Map<string, Promise<void>>()
  for (const { name, everyMs, isDue, run } of jobs) {
    const timer = setInterval(() => {
      if (running.has(name) || isDue?.() === false) return
      const work = run()
        .then(() => noteRun(name, 'ok'))
        .catch((error: unknown) => {
          noteRun(name, 'failed')
          log('warn', 'job failed', { job: name, code: codeOf(error) })
        })
        .finally(() => running.delete(name))
      running.set(name, work)
    }, everyMs)
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
