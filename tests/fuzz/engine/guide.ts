import { type Coverage, countSteps, createCoverage } from './coverage.ts'
import { createFindings, type Finding } from './findings.ts'
import { inputsOf } from './inputs.ts'
import { createRandom } from './random.ts'
import { stopwatch } from './stopwatch.ts'
import type { Bytes, FuzzTarget } from './target.ts'
import { createTrial, outcomeOf } from './trial.ts'

export interface GuideOptions {
  readonly seed: number
  /** Ends earlier when none of the last `QUIET` lit anything new. */
  readonly most: number
  readonly onInput?: (input: Bytes) => void
}

/** What coverage found; the rest of the run goes on from there without it. */
export interface Guided {
  readonly ran: number
  readonly accepted: number
  readonly findings: readonly Finding[]
  /** Inputs that lit something which none before them had. */
  readonly kept: readonly Bytes[]
  /** Characters of our sources that well-formed inputs or kept ones lit. */
  readonly lit: number
  readonly processorSeconds: number
}

/** Inputs between two looks at the coverage. */
const BATCH = 256
export const QUIET = 6_000
const MOST_KEPT = 2_000

/** Mutates the corpus and whatever lights more of our sources. */
export async function guide(target: FuzzTarget, options: GuideOptions): Promise<Guided> {
  const { seed, most, onInput } = options
  const seconds = stopwatch()
  const findings = createFindings()
  const kept: Bytes[] = []
  const starts = [...target.corpus]
  const trial = createTrial(target, (input) => countSteps(() => outcomeOf(target, input)))
  const next = inputsOf(target, starts, createRandom(seed))
  const coverage = createCoverage()
  for (const input of target.corpus) await outcomeOf(target, input)
  coverage.light()
  let [ran, accepted, fruitful] = [0, 0, 0]
  while (ran < most && ran - fruitful < QUIET && !findings.full) {
    const batch = Array.from({ length: Math.min(BATCH, most - ran) }, next)
    for (const input of batch) {
      onInput?.(input)
      const outcome = await trial(input)
      if (outcome.accepted) accepted++
      findings.note(outcome.why, input)
    }
    ran += batch.length
    const found = await freshOf(target, coverage, batch)
    if (found.length > 0 && kept.length < MOST_KEPT) {
      fruitful = ran
      kept.push(...found)
      starts.push(...found)
    }
  }
  const { lit } = coverage
  return { ran, accepted, findings: findings.all(), kept, lit, processorSeconds: seconds() }
}

/** One input for each part of our sources that none before this batch had lit, found by halving the batch. */
async function freshOf(
  target: FuzzTarget,
  coverage: Coverage,
  batch: readonly Bytes[],
): Promise<readonly Bytes[]> {
  const kept: Bytes[] = []
  const open = coverage.sees() ? [batch] : []
  for (let part = open.pop(); part !== undefined; part = open.pop()) {
    for (const input of part) await outcomeOf(target, input)
    const [only] = part
    if (part.length === 1 && only !== undefined) {
      if (coverage.light() > 0) kept.push(only)
    } else if (coverage.sees()) {
      const middle = Math.ceil(part.length / 2)
      open.push(part.slice(middle), part.slice(0, middle))
    }
  }
  if (kept.length > 0) return kept
  // What only the whole batch lit (a table that filled up, code that was compiled anew) is nobody's.
  for (const input of batch) await outcomeOf(target, input)
  coverage.light()
  return kept
}
