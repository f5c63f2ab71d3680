import type { Clock, UnixMs } from '#base/brand.ts'
import type { FaultCode } from '../runners/tally.ts'
import type { CountingMetrics, PlaceCounts } from './counting-metrics.ts'
import type { Objects } from './objects.ts'

/** What a runner's requests came to at one place. */
export interface RunnerTally {
  readonly runner: string
  readonly answered: number
  readonly faults: readonly (readonly [FaultCode, number])[]
}

/** What one place tells the market every few seconds. */
export interface PlaceReport extends PlaceCounts {
  readonly tallies: readonly RunnerTally[]
}

export interface PlaceReporter {
  /** Tells what there is, unless it was told a moment ago. Never fails: what was not taken is told the next time. */
  tell(): Promise<void>
}

const EVERY_MS = 4_000

export const NOTHING_UNDER_WAY = { inFlight: 0, queue: 0, tallies: [] } as const

export function createPlaceReporter(deps: {
  readonly place: string
  readonly metrics: CountingMetrics
  readonly objects: Objects
  /** What of this moment goes along. */
  readonly now: () => Omit<PlaceReport, 'place' | 'add' | 'set'>
  readonly clock: Clock
}): PlaceReporter {
  const { place, metrics, objects, now, clock } = deps
  let told: UnixMs | undefined
  let lost: PlaceReport | undefined
  return {
    async tell() {
      if (told !== undefined && clock() - told < EVERY_MS) return
      told = clock()
      if (lost !== undefined) metrics.merge(lost)
      const moment = now()
      const tallies = [...(lost?.tallies ?? []), ...moment.tallies]
      const report = { place, ...metrics.take(), ...moment, tallies }
      lost = report
      await objects
        .market()
        .note(report)
        .then(
          () => {
            lost = undefined
          },
          () => {},
        )
    },
  }
}
