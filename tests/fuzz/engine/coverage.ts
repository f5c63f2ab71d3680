import { type Profiler, Session } from 'node:inspector'
import { join } from 'node:path'

/**
 * Which characters of our own sources ran, as V8 counts their blocks. Import it before what is to be counted: what was
 * compiled earlier has no counters.
 * @see https://chromedevtools.github.io/devtools-protocol/tot/Profiler/#method-startPreciseCoverage
 */
export interface Coverage {
  /**
   * Lights what ran since it was made or last asked.
   * @returns how much of that was dark before
   */
  light(): number
  /** Whether something ran since it was last asked that is dark. Lights nothing. */
  sees(): boolean
  readonly lit: number
}

const ROOT = join(import.meta.dirname, '..', '..', '..', '/')
const NOT_OURS = /\/node_modules\/|\/tests\/fuzz\/(?:engine|targets)\/(?!(?:fuzz|guide)\.test)/
const session = new Session()
session.connect()
session.post('Profiler.enable')
session.post('Profiler.startPreciseCoverage', { callCount: true, detailed: true })

export function createCoverage(): Coverage {
  const lit = new Map<string, Uint8Array>()
  let all = 0
  const dark = (keep: boolean): number => {
    let found = 0
    for (const { url, functions } of take()) {
      const ran = paint(functions)
      const known = longEnough(lit.get(url), ran.length)
      for (let at = 0; at < ran.length; at++) {
        if (ran[at] === 0 || known[at] === 1) continue
        found++
        if (keep) known[at] = 1
      }
      if (keep) lit.set(url, known)
    }
    return found
  }
  take()
  return {
    light: () => {
      const found = dark(true)
      all += found
      return found
    },
    sees: () => dark(false) > 0,
    get lit() {
      return all
    },
  }
}

/** Block executions of a piece of work: a measure that no other load on the machine changes. */
export async function countSteps(work: () => Promise<unknown>): Promise<number> {
  take()
  await work()
  const ranges = take().flatMap(({ functions }) => functions.flatMap((one) => one.ranges))
  return ranges.reduce((sum, { count }) => sum + count, 0)
}

/** What ran since it was last called. */
function take(): readonly Profiler.ScriptCoverage[] {
  let scripts: readonly Profiler.ScriptCoverage[] = []
  // In the same thread the answer comes before `post` returns.
  session.post('Profiler.takePreciseCoverage', (error, taken) => {
    if (error === null) scripts = taken.result
  })
  return scripts.filter(
    ({ url }) => url.replace(/^file:\/\//, '').startsWith(ROOT) && !NOT_OURS.test(url),
  )
}

/**
 * 1 for each character that ran. Not by the names of blocks: V8 tells of a block only where its count is another than
 * that of the block around it, so that one input alone shows fewer of them than two.
 */
function paint(functions: readonly Profiler.FunctionCoverage[]): Uint8Array {
  const ranges = functions.flatMap((one) => one.ranges)
  const painted = new Uint8Array(
    ranges.reduce((most, { endOffset }) => Math.max(most, endOffset), 0),
  )
  // The inner ones come after those around them.
  for (const { startOffset, endOffset, count } of ranges) {
    painted.fill(count > 0 ? 1 : 0, startOffset, endOffset)
  }
  return painted
}

function longEnough(known: Uint8Array | undefined, length: number): Uint8Array {
  if (known !== undefined && known.length >= length) return known
  const longer = new Uint8Array(length)
  longer.set(known ?? [])
  return longer
}
