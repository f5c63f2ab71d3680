import { createFindings, type Finding } from './findings.ts'
import { inputsOf } from './inputs.ts'
import { createRandom } from './random.ts'
import type { Bytes, FuzzTarget } from './target.ts'
import { type CountSteps, createTrial, outcomeOf } from './trial.ts'

export interface FuzzOptions {
  readonly inputs: number
  readonly seed: number
  /** Changed beside the target's well-formed ones: what coverage kept. */
  readonly kept?: readonly Bytes[]
  readonly countSteps: CountSteps
  /** Told before each input is run, for a watchdog. */
  readonly onInput?: (input: Bytes) => void
}

export interface FuzzResult {
  /** How many were run: fewer than asked for when there was enough to mend. */
  readonly ran: number
  /** Taken; all others were refused. */
  readonly accepted: number
  readonly findings: readonly Finding[]
}

/** Mutates the starts `inputs` times and judges what the target's parser does with each, at its own speed. */
export async function fuzz(target: FuzzTarget, options: FuzzOptions): Promise<FuzzResult> {
  const { inputs, seed, kept = [], countSteps, onInput } = options
  const findings = createFindings()
  const next = inputsOf(target, [...target.corpus, ...kept], createRandom(seed))
  const trial = createTrial(target, countSteps)
  const limit = Error.stackTraceLimit
  let [ran, accepted] = [0, 0]
  Error.stackTraceLimit = 0
  try {
    for (; ran < inputs && !findings.full; ran++) {
      const input = next()
      onInput?.(input)
      const outcome = await trial(input)
      if (outcome.accepted) accepted++
      findings.note(outcome.why, input)
    }
  } finally {
    Error.stackTraceLimit = limit
  }
  return { ran, accepted, findings: findings.all() }
}

/** Each well-formed input must be taken. */
export async function checkGenuine(target: FuzzTarget): Promise<readonly Finding[]> {
  const findings = createFindings()
  for (const input of target.corpus) {
    const { accepted, why } = await outcomeOf(target, input)
    findings.note(accepted ? undefined : (why ?? 'refuses a well-formed input'), input)
  }
  return findings.all()
}
