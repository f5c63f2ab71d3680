import type { Clock, UnixMs } from '#base/brand.ts'
import type { CountingMetrics } from './counting-metrics.ts'
import type { Objects, PlaceReport } from './objects.ts'

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
