import { afterAll, beforeAll } from 'vitest'
import { type ForgedRunner, forgeRunner } from './forged-runner.ts'
import { closePlaces, type Outcome, openPlace, type Place } from './verify-in.ts'

/** Two machines, of AMD and of Intel, and a folder with the roots of both; set by `useRunners`. */
export let snp: ForgedRunner
export let tdx: ForgedRunner
export let place: Place

/** Makes them once for the tests of a file. */
export function useRunners(): void {
  beforeAll(async () => {
    ;[snp, tdx] = await Promise.all([forgeRunner(0), forgeRunner(1)])
    place = await openPlace()
    await place.write('snp-roots.json', snp.simulation)
    await place.write('tdx-roots.json', tdx.simulation)
  })

  afterAll(closePlaces)
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
