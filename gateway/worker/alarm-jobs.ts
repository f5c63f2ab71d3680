import type { Clock } from '#base/brand.ts'
import type { Job } from '../jobs.ts'
import { codeOf, type Log } from '../log.ts'
import type { Metrics } from '../metrics.ts'

/** Jobs of an object, run by its one alarm: never twice at once, and a failure ends nothing. */
export interface AlarmJobs {
  /** Sees to it that an alarm is set: the first one, and after whatever lost it. */
  wake(): Promise<void>
  /** What the alarm does: runs what is due and sets the next one. */
  run(): Promise<void>
}

/** From this period on a job's time outlives the object: an object that wakes often must not run it each time. */
const KEPT_FROM_MS = 3_600_000

export function createAlarmJobs(
  storage: Pick<DurableObjectStorage, 'getAlarm' | 'setAlarm' | 'kv'>,
  jobs: readonly Job[],
  {
    clock,
    log,
    metrics,
  }: { readonly clock: Clock; readonly log: Log; readonly metrics: Pick<Metrics, 'job'> },
): AlarmJobs {
  const memory = new Map<string, number>()
  const keyOf = (name: string) => `job:${name}`
  const dueOf = ({ name, everyMs }: Job): number =>
    (everyMs < KEPT_FROM_MS ? memory.get(name) : storage.kv.get<number>(keyOf(name))) ?? 0
  const putDue = ({ name, everyMs }: Job, time: number): void => {
    if (everyMs < KEPT_FROM_MS) memory.set(name, time)
    else storage.kv.put(keyOf(name), time)
  }
  const shortest = Math.min(...jobs.map(({ everyMs }) => everyMs))

  async function runOne(job: Job): Promise<void> {
    let waitMs = job.everyMs
    try {
      await job.run()
      metrics.job(job.name, 'ok', clock() / 1000)
    } catch (error) {
      // A failure waits no day.
      waitMs = Math.min(waitMs, KEPT_FROM_MS)
      metrics.job(job.name, 'failed', clock() / 1000)
      log('warn', 'job failed', { job: job.name, code: codeOf(error) })
    }
    putDue(job, clock() + waitMs)
  }

  return {
    async wake() {
      if (jobs.length > 0 && (await storage.getAlarm()) === null) await storage.setAlarm(clock())
    },
    async run() {
      if (jobs.length === 0) return
      // Set first: an object that dies in a job wakes again.
      await storage.setAlarm(clock() + shortest)
      for (const job of jobs) if (dueOf(job) <= clock()) await runOne(job)
      await storage.setAlarm(Math.max(clock(), Math.min(...jobs.map(dueOf))))
    },
  }
}
