import { createFindings, type Finding } from './findings.ts'
import { checkGenuine, fuzz } from './fuzz.ts'
import type { Progress } from './progress.ts'
import type { Scout } from './scout.ts'
import { stopwatch } from './stopwatch.ts'
import type { Bytes, FuzzTarget } from './target.ts'

export interface RunOptions {
  readonly inputs: number
  readonly seed: number
  /** Of `inputs`, at most so many with block coverage. */
  readonly guided: number
  readonly scout: Scout
  /** Where an earlier run was cut; one of another seed begins anew. */
  readonly from?: Progress | undefined
  readonly onInput?: (input: Bytes) => void
  readonly onProgress?: (progress: Progress) => void
}

/** What a cut loses at most. Each round has its own random numbers, so that one that was cut runs again the same. */
export const ROUND = 10_000

/** The genuine inputs, then the guided part, then rounds at the parser's own speed from all that was kept. */
export async function runTarget(target: FuzzTarget, options: RunOptions): Promise<Progress> {
  const { inputs, seed, scout, onInput, onProgress } = options
  let progress = usable(target, options) ?? (await begin(target, options))
  onProgress?.(progress)
  const seconds = stopwatch()
  while (progress.ran < inputs && progress.findings.length === 0) {
    const { ran, accepted, findings } = await fuzz(target, {
      inputs: Math.min(ROUND, inputs - progress.ran),
      seed: numberOf(seed, progress.rounds + 1),
      kept: progress.kept,
      countSteps: (input) => scout.steps(target.name, input),
      ...(onInput === undefined ? {} : { onInput }),
    })
    progress = {
      ...progress,
      ran: progress.ran + ran,
      accepted: progress.accepted + accepted,
      rounds: progress.rounds + 1,
      processorSeconds: progress.processorSeconds + seconds(),
      findings: merged(progress.findings, findings),
    }
    onProgress?.(progress)
  }
  return progress
}

/** One with findings is of a parser that has been mended since. */
function usable(target: FuzzTarget, { from, seed }: RunOptions): Progress | undefined {
  const isUsable = from?.target === target.name && from.seed === seed && from.findings.length === 0
  return isUsable ? from : undefined
}

async function begin(target: FuzzTarget, options: RunOptions): Promise<Progress> {
  const { seed, scout } = options
  const genuine = await checkGenuine(target)
  const most = Math.min(options.guided, options.inputs)
  const guided = await scout.guide(target.name, { seed: numberOf(seed, 0), most })
  const findings = merged(genuine, guided.findings)
  return { ...guided, target: target.name, seed, rounds: 0, findings }
}

function merged(known: readonly Finding[], more: readonly Finding[]): readonly Finding[] {
  const findings = createFindings(known)
  for (const { why, input } of more) findings.note(why, input)
  return findings.all()
}

/** A seed for each round of a seed. */
function numberOf(seed: number, round: number): number {
  return (Math.imul(seed, 0x9e3779b1) + round) | 0
}
