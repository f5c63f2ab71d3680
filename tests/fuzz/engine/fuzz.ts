import { type Coverage, countSteps, createCoverage } from './coverage.ts'
import { judge } from './judge.ts'
import { type Material, mutateBytes } from './mutate-bytes.ts'
import { mutateDer } from './mutate-der.ts'
import { mutateJson } from './mutate-json.ts'
import { createRandom } from './random.ts'
import type { Bytes, FuzzTarget, Grammar } from './target.ts'

export interface FuzzOptions {
  readonly inputs: number
  readonly seed: number
  /** How many of the first inputs are looked at with block coverage: what lights a new block becomes a start of its own. */
  readonly guided: number
  /** Told before each input is run, for a watchdog. */
  readonly onInput?: (input: Bytes) => void
}

export interface FuzzResult {
  /** Taken; all others were refused. */
  readonly accepted: number
  readonly findings: readonly Finding[]
  /** Starts that coverage added to the well-formed ones. */
  readonly kept: number
  readonly blocks: number
}

/** An input that a parser handles wrongly. */
export interface Finding {
  readonly why: string
  readonly input: Bytes
}

const MUTATIONS: Readonly<Record<Grammar, (input: Bytes, material: Material) => Bytes>> = {
  bytes: mutateBytes,
  der: mutateDer,
  json: mutateJson,
}

/** Inputs between two looks at the coverage. */
const BATCH = 256
const MOST_KEPT = 2_000
/** One kind of finding is enough of each. */
const MOST_FINDINGS = 16
/** Beyond this an input is run again and its work counted: the time only says where to look. */
const SLOW_MS = 40
/** Block executions that an input may cost: so many, and so many for each of its bytes. */
const STEPS = { base: 4_000_000, perByte: 4_000 } as const
/** What one input may add to the most memory that this process ever had, in KiB. */
const MOST_GROWN_KIB = 96 * 1_024

/** Mutates the target's corpus `inputs` times and judges what its parser does with each. */
export async function fuzz(target: FuzzTarget, options: FuzzOptions): Promise<FuzzResult> {
  const findings = new Map<string, Finding>()
  const note = (why: string | undefined, input: Bytes): void => {
    if (why === undefined) return
    // Texts of errors quote the input: those that come from one place are one finding.
    const place = /\((?:file:)?[^)]*\)|file:\S+/.exec(why)?.[0] ?? why
    if (findings.size < MOST_FINDINGS && !findings.has(place)) findings.set(place, { why, input })
  }
  for (const input of target.corpus) note(await refusesGenuine(target, input), input)
  const starts = [...target.corpus]
  const coverage = options.guided > 0 ? createCoverage() : undefined
  let accepted = 0
  const next = inputsOf(target, starts, options.seed)
  for (let done = 0; done < options.inputs && findings.size < MOST_FINDINGS; ) {
    const isGuided = done < options.guided
    const batch: Bytes[] = []
    for (const last = Math.min(options.inputs, done + BATCH); done < last; done++) {
      const input = next()
      options.onInput?.(input)
      const outcome = await runOne(target, input)
      if (outcome.accepted) accepted++
      note(outcome.why, input)
      batch.push(input)
    }
    if (isGuided && coverage !== undefined) await keepFresh(target, coverage, batch, starts)
  }
  return {
    accepted,
    findings: [...findings.values()],
    kept: starts.length - target.corpus.length,
    blocks: coverage?.known ?? 0,
  }
}

function inputsOf(target: FuzzTarget, starts: readonly Bytes[], seed: number): () => Bytes {
  const random = createRandom(seed)
  const mutate = MUTATIONS[target.grammar]
  const encoder = new TextEncoder()
  const dictionary = target.dictionary.map((word) => encoder.encode(word) as Bytes)
  const { maxBytes } = target
  return () => {
    // Noise finds little, but costs little too.
    if (random.oneIn(64)) return random.bytes(random.int(300))
    const material = { random, other: random.pick(starts), dictionary, maxBytes }
    return mutate(random.pick(starts), material)
  }
}

interface Outcome {
  readonly accepted: boolean
  readonly why: string | undefined
}

async function runOne(target: FuzzTarget, input: Bytes): Promise<Outcome> {
  const grown = process.resourceUsage().maxRSS
  const began = performance.now()
  const outcome = await outcomeOf(target, input)
  if (outcome.why !== undefined) return outcome
  if (process.resourceUsage().maxRSS - grown > MOST_GROWN_KIB) {
    return { ...outcome, why: `takes more than ${MOST_GROWN_KIB / 1_024} MiB` }
  }
  if (performance.now() - began < SLOW_MS) return outcome
  return { ...outcome, why: await tooManySteps(target, input) }
}

async function outcomeOf(target: FuzzTarget, input: Bytes): Promise<Outcome> {
  try {
    const pending = target.run(input)
    if (pending instanceof Promise) await pending
    return { accepted: true, why: undefined }
  } catch (error) {
    return { accepted: false, why: judge(error, target.errors) }
  }
}

async function tooManySteps(target: FuzzTarget, input: Bytes): Promise<string | undefined> {
  const most = STEPS.base + STEPS.perByte * input.length
  const steps = await countSteps(() => outcomeOf(target, input))
  return steps > most ? 'takes too many steps' : undefined
}

/** Keeps one input for each block that none before this batch had lit, found by halving the batch. */
async function keepFresh(
  target: FuzzTarget,
  coverage: Coverage,
  batch: readonly Bytes[],
  starts: Bytes[],
): Promise<void> {
  const fresh = coverage.fresh()
  if (fresh.size === 0 || starts.length - target.corpus.length >= MOST_KEPT) return
  const open = [batch]
  for (let part = open.pop(); part !== undefined; part = open.pop()) {
    coverage.fresh()
    for (const input of part) await outcomeOf(target, input)
    const lit = coverage.fresh()
    if (lit.size === 0) continue
    const [only] = part
    if (part.length === 1 && only !== undefined) {
      starts.push(only)
      coverage.know(lit)
    } else {
      const middle = Math.ceil(part.length / 2)
      open.push(part.slice(middle), part.slice(0, middle))
    }
  }
  // What only the whole batch lit (a table that filled up, code that was compiled anew) is nobody's.
  coverage.know(fresh)
}

async function refusesGenuine(target: FuzzTarget, input: Bytes): Promise<string | undefined> {
  const { accepted, why } = await outcomeOf(target, input)
  return accepted ? undefined : (why ?? 'refuses a well-formed input')
}
