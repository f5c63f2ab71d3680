import { toSeconds, type UnixMs } from '#base/brand.ts'
import type { AppDeps } from '../deps.ts'
import type { RunnerCondition, State } from '../metrics.ts'
import { isSound } from '../money/money-watch.ts'
import { admits } from '../runners/breaker.ts'
import { isTrusted, mayWork } from '../runners/directory.ts'
import type { LiveRunner } from '../runners/live-runner.ts'

/** How runners, queue and the view of the chain stand at this moment. */
export async function readState({
  inference,
  registry,
  moneyStatus,
  storeState,
  bodies,
}: AppDeps): Promise<State> {
  const now = inference.clock()
  const runners: Record<RunnerCondition, number> = {
    free: 0,
    full: 0,
    resting: 0,
    drained: 0,
    silent: 0,
    untrusted: 0,
  }
  let inFlight = 0
  for (const runner of inference.directory.all()) {
    runners[conditionOf(runner, now)]++
    inFlight += runner.load.inFlight
  }
  const readAt = registry()?.readAt
  const { gas, reconcile } = await moneyStatus()
  return {
    runners,
    inFlight,
    queue: inference.waiting.size,
    registryAge: readAt === undefined ? undefined : toSeconds(now) - readAt,
    isWritable: storeState() === 'ok',
    bodies: bodies?.held(),
    gas: gas === null ? undefined : Number(gas.balance),
    reserves: reconcile === null ? undefined : isSound(reconcile) ? 'sound' : 'differ',
  }
}

function conditionOf(runner: LiveRunner, now: UnixMs): RunnerCondition {
  const seconds = toSeconds(now)
  if (!isTrusted(runner, seconds)) return 'untrusted'
  if (runner.state === 'drained') return 'drained'
  if (!mayWork(runner, now, seconds)) return 'silent'
  if (!admits(runner.load.score.breaker, now)) return 'resting'
  return runner.load.inFlight >= runner.lease.capacity ? 'full' : 'free'
}
