import type { UnixMs } from '#base/brand.ts'
import type { SealedOutcome } from '../relay/sealed-attempt.ts'
import type { LiveRunner, Load } from '../runners/live-runner.ts'
import { noteAnswer, noteBusy } from '../runners/load.ts'
import { noteFailure } from '../runners/score.ts'
import { countFault, FAULT_OF } from '../runners/tally.ts'
import type { InferenceDeps } from './deps.ts'

/** What became of a sealed request says something of its runner. */
export function noteSealed(
  deps: Pick<InferenceDeps, 'clock' | 'metrics' | 'log'>,
  runner: LiveRunner,
  outcome: SealedOutcome,
): void {
  const now = deps.clock()
  const { load } = runner
  if (outcome.kind === 'gone') return
  if (outcome.kind === 'answered') {
    noteAnswered(load, outcome, now)
    return
  }
  const { how } = outcome
  if (how === 'full' && noteBusy(load, now)) return
  const fault =
    how === 'refused' ? 'absent' : how === 'misbehaved' || how === 'endless' ? 'lied' : 'failed'
  load.score = noteFailure(load.score, fault, now)
  countFault(load.tally, FAULT_OF[how])
  deps.metrics.runnerFailed(how)
  deps.log('warn', 'runner failed a sealed request', { runner: runner.id, code: how })
}

/** Its status is all that is seen of a sealed answer. */
function noteAnswered(
  load: Load,
  { status, sealed }: Extract<SealedOutcome, { kind: 'answered' }>,
  now: UnixMs,
): void {
  if (status === 503 && noteBusy(load, now)) return
  if (status < 500) {
    if (sealed) noteAnswer(load, now)
    return
  }
  load.score = noteFailure(load.score, 'failed', now)
  countFault(load.tally, sealed ? 'engine_error' : 'request_refused')
}
