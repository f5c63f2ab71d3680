import { afterAll, beforeAll } from 'vitest'
import { type ForgedRunner, forgeRunner } from './forged-runner.ts'
import { closePlaces, type Outcome, openPlace, type Place } from './verify-in.ts'

/** Two machines, of AMD and of Intel, and a folder with the roots of both. */
export interface TwoRunners {
  readonly snp: ForgedRunner
  readonly tdx: ForgedRunner
  readonly place: Place
}

/** Makes them once for the tests of a file, which read them when they run. */
export function useRunners(): TwoRunners {
  let made: TwoRunners | undefined
  beforeAll(async () => {
    const [snp, tdx] = await Promise.all([forgeRunner(0), forgeRunner(1)])
    const place = await openPlace()
    await place.write('snp-roots.json', snp.simulation)
    await place.write('tdx-roots.json', tdx.simulation)
    made = { snp, tdx, place }
  })

  afterAll(closePlaces)
  const ready = (): TwoRunners => {
    if (made === undefined) throw new Error('the runners are made before the first test')
    return made
  }
  return {
    get snp() {
      return ready().snp
    },
    get tdx() {
      return ready().tdx
    },
    get place() {
      return ready().place
    },
  }
}

/** The line of one check, trimmed; undefined when it is not on the list. */
export function lineOf({ out }: Outcome, id: string): string | undefined {
  return out
    .split('\n')
    .map((line) => line.trim())
    .find((line) => line.split(/\s+/)[1] === id)
}

export function verdictOf({ out }: Outcome): string | undefined {
  return /^verdict\s+([A-Z]+)/m.exec(out)?.[1]
}
