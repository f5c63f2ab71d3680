import { judge } from './judge.ts'
import type { Bytes, FuzzTarget } from './target.ts'

export interface Outcome {
  readonly accepted: boolean
  /** Why it is a finding. */
  readonly why: string | undefined
}

/** Block executions of one input: a measure that no other load on the machine changes. */
export type CountSteps = (input: Bytes) => Promise<number>

/** Beyond this much of processor and clock an input's work is counted: the time only says where to look. */
const SLOW_MS = 40
/** Block executions that an input may cost: so many, and so many for each of its bytes. */
const STEPS = { base: 4_000_000, perByte: 4_000 } as const
/** What one input may add to the most memory that this process ever had, in KiB. */
const MOST_GROWN_KIB = 96 * 1_024
/** No machine fills that much memory faster. */
const FILL_MS = 3
/** What this process has used is asked once in so many inputs, and after one that took long: it costs as much as a small parser. */
const LOOK_EVERY = 32

/** Runs inputs and judges what they come to, and what they cost. */
export function createTrial(
  target: FuzzTarget,
  countSteps: CountSteps,
): (input: Bytes) => Promise<Outcome> {
  let used = process.resourceUsage()
  let unlooked = 0
  return async (input) => {
    const began = performance.now()
    const outcome = await outcomeOf(target, input)
    const took = performance.now() - began
    if (took < FILL_MS && ++unlooked < LOOK_EVERY) return outcome
    const before = used
    used = process.resourceUsage()
    unlooked = 0
    if (took < FILL_MS || outcome.why !== undefined) return outcome
    const hasGrown = used.maxRSS - before.maxRSS > MOST_GROWN_KIB
    if (hasGrown && (await heldBy(target, input)) > (MOST_GROWN_KIB * 1_024) / 2) {
      return { ...outcome, why: `takes more than ${MOST_GROWN_KIB / 1_024} MiB` }
    }
    if (took < SLOW_MS || processorMs(used) - processorMs(before) < SLOW_MS) return outcome
    const most = STEPS.base + STEPS.perByte * input.length
    const isTooSlow = (await countSteps(input)) > most
    used = process.resourceUsage()
    return isTooSlow ? { ...outcome, why: 'takes too many steps' } : outcome
  }
}

/** A collection can make the process grow during any input: the most that stands after this one alone, of three times. */
async function heldBy(target: FuzzTarget, input: Bytes): Promise<number> {
  let most = 0
  for (let times = 0; times < 3; times++) {
    const before = process.memoryUsage()
    await outcomeOf(target, input)
    const after = process.memoryUsage()
    most = Math.max(most, after.heapUsed + after.external - before.heapUsed - before.external)
  }
  return most
}

function processorMs({ userCPUTime, systemCPUTime }: NodeJS.ResourceUsage): number {
  return (userCPUTime + systemCPUTime) / 1_000
}

export async function outcomeOf(target: FuzzTarget, input: Bytes): Promise<Outcome> {
  try {
    const pending = target.run(input)
    if (pending instanceof Promise) await pending
    return { accepted: true, why: undefined }
  } catch (error) {
    const why = judge(error, target.errors)
    // A stack is half of what a refusal costs, so a run may go without: where a finding comes from is asked again.
    if (why === undefined || Error.stackTraceLimit > 0) return { accepted: false, why }
    return { accepted: false, why: await judgeWithStack(target, input, error, why) }
  }
}

const STACK = 10

async function judgeWithStack(
  target: FuzzTarget,
  input: Bytes,
  thrown: unknown,
  why: string,
): Promise<string | undefined> {
  const limit = Error.stackTraceLimit
  Error.stackTraceLimit = STACK
  try {
    const pending = target.run(input)
    if (pending instanceof Promise) await pending
  } catch (error) {
    if (String(error) === String(thrown)) return judge(error, target.errors)
  } finally {
    Error.stackTraceLimit = limit
  }
  return `${why} (not every time)`
}
