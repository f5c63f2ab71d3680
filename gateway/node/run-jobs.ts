import type { Job } from '../jobs.ts'
import { codeOf, type Log } from '../log.ts'

export interface RunningJobs {
  /** Stops the timers and waits for what is running. */
  close(): Promise<void>
}

/** Runs every job at its period: never twice at once, and a failure ends nothing. */
export function runJobs(jobs: readonly Job[], log: Log): RunningJobs {
  const timers: NodeJS.Timeout[] = []
  const running = new Map<string, Promise<void>>()
  for (const { name, everyMs, run } of jobs) {
    const timer = setInterval(() => {
      if (running.has(name)) return
      const work = run()
        .catch((error: unknown) => log('warn', 'job failed', { job: name, code: codeOf(error) }))
        .finally(() => running.delete(name))
      running.set(name, work)
    }, everyMs)
    timer.unref()
    timers.push(timer)
  }
  return {
    async close() {
      for (const timer of timers) clearInterval(timer)
      await Promise.all(running.values())
    },
  }
}
