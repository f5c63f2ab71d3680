import type { Clock } from '#base/brand.ts'
import type { AppDeps } from '../deps.ts'
import { createJobs, type Job } from '../jobs.ts'
import type { Log } from '../log.ts'
import { TICK_MS } from '../relay/watchdog.ts'
import { followMarket } from '../runners/follow-market.ts'
import type { SpanExporter } from '../telemetry/export-spans.ts'
import type { Backing } from './backing.ts'
import type { Built } from './build.ts'
import { type NoteRun, type RunningJobs, runJobs } from './run-jobs.ts'
import { descriptorsJob, lookAtDescriptors } from './watch-descriptors.ts'

interface Given {
  readonly backing: Backing
  /** Of the money side, and of what only some gateways have. */
  readonly others: readonly Job[]
  readonly spans: SpanExporter | undefined
}

interface Deps {
  readonly clock: Clock
  /** Calls back once a period, for the time-outs of requests. @returns stops it */
  readonly everyTick: (periodMs: number, tick: () => void) => () => void
  readonly log: Log
}

/** Starts what a gateway on Node does without being asked, and the ticks of its requests' time-outs. */
export function startJobs(
  built: Built,
  { backing, others, spans }: Given,
  deps: Deps,
): RunningJobs {
  const { app, collateral } = built
  const { watchdog, waiting } = app.inference
  const stopTicks = deps.everyTick(TICK_MS, () => {
    watchdog.tick()
    waiting.tick()
  })
  const jobs = createJobs({
    ledger: app.runners.ledger,
    runners: app.runners,
    collateral,
    webhooks: app.webhooks,
    others: [
      ...others,
      ...backing.jobs,
      ...followJobs(built, backing),
      ...(spans === undefined ? [] : [tracesJob(spans)]),
      ...selfJobs(app),
      descriptorsJob({ ...deps, look: lookAtDescriptors, metrics: app.inference.metrics }),
    ],
    clock: deps.clock,
  })
  const { metrics } = app.inference
  const noteRun: NoteRun = (job, result) => metrics.job(job, result, deps.clock() / 1000)
  const running = runJobs(led(jobs, backing), { log: deps.log, noteRun })
  return {
    close: async () => {
      stopTicks()
      await running.close()
      await spans?.flush()
    },
  }
}

/** What one of several gateways must do, others leave alone. */
function led(jobs: readonly Job[], backing: Backing): readonly Job[] {
  return jobs.map((job) => {
    if (job.once !== true) return job
    return { ...job, isDue: () => backing.leads() }
  })
}

/** What other gateways registered, changed or withdrew. */
function followJobs({ app, catalog }: Built, { others, models }: Backing): readonly Job[] {
  if (others === undefined) return []
  const follow = followMarket(app.runners, () => others.look())
  return [
    { name: 'follow runners', everyMs: FOLLOW_MS, run: follow },
    {
      name: 'follow offers',
      everyMs: FOLLOW_MS,
      run: async () => catalog.take(await models.all()),
    },
  ]
}

const FOLLOW_MS = 2_000

function tracesJob({ flush }: SpanExporter): Job {
  return { name: 'traces', everyMs: TRACES_MS, run: flush }
}

const TRACES_MS = 5_000

/** As often as runners are judged anew. */
function selfJobs({ self }: AppDeps): readonly Job[] {
  if (self === undefined) return []
  return [{ name: 'attest', everyMs: 200_000, run: () => self.appraise() }]
}
