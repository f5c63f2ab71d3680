import { type Profiler, Session } from 'node:inspector'
import { join } from 'node:path'

/**
 * Which blocks of our own sources ran, as V8 counts them. Import it before what is to be counted: what was compiled
 * earlier has no counters.
 * @see https://chromedevtools.github.io/devtools-protocol/tot/Profiler/#method-startPreciseCoverage
 */
export interface Coverage {
  /** Blocks that ran since it was last asked anything, and are not known. */
  fresh(): ReadonlySet<string>
  /** From now on these are known. */
  know(blocks: Iterable<string>): void
  readonly known: number
}

const ROOT = join(import.meta.dirname, '..', '..', '..', '/')
const NOT_OURS = /\/node_modules\/|\/tests\/fuzz\/(?:engine|targets)\/(?!fuzz\.test)/

const session = new Session()
session.connect()
session.post('Profiler.enable')
session.post('Profiler.startPreciseCoverage', { callCount: true, detailed: true })

export function createCoverage(): Coverage {
  const known = new Set<string>()
  return {
    fresh: () => {
      const ran = take().filter(({ name, count }) => count > 0 && !known.has(name))
      return new Set(ran.map(({ name }) => name))
    },
    know: (blocks) => {
      for (const block of blocks) known.add(block)
    },
    get known() {
      return known.size
    },
  }
}

/** Block executions of a piece of work: a measure that no other load on the machine changes. */
export async function countSteps(work: () => Promise<unknown>): Promise<number> {
  take()
  await work()
  return take().reduce((sum, { count }) => sum + count, 0)
}

interface Block {
  readonly name: string
  readonly count: number
}

/** What ran since it was last called. */
function take(): readonly Block[] {
  let scripts: readonly Profiler.ScriptCoverage[] = []
  // In the same thread the answer comes before `post` returns.
  session.post('Profiler.takePreciseCoverage', (error, taken) => {
    if (error === null) scripts = taken.result
  })
  return scripts
    .filter(({ url }) => url.replace(/^file:\/\//, '').startsWith(ROOT) && !NOT_OURS.test(url))
    .flatMap(({ url, functions }) => functions.flatMap(({ ranges }) => blocksOf(url, ranges)))
}

function blocksOf(url: string, ranges: readonly Profiler.CoverageRange[]): readonly Block[] {
  return ranges.map(({ startOffset, endOffset, count }) => ({
    name: `${url}:${startOffset}-${endOffset}`,
    count,
  }))
}
