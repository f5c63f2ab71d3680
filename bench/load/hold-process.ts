/**
 * Holds streams, in a process of its own so that its work is not counted as the gateway's: opens so many a second,
 * and a new one for each that ends, until it is told to stop.
 */
import { createHistogram } from './histogram.ts'
import { openStream, type StreamPlan } from './open-stream.ts'

export interface HoldSettings extends Omit<StreamPlan, 'chunks'> {
  readonly streams: number
  readonly opensPerSecond: number
  /** An answer has as many chunks as lie between, each equally often. */
  readonly leastChunks: number
  readonly mostChunks: number
}

/** Said every second over the channel to the bench. */
export interface HoldReport {
  readonly open: number
  readonly begun: number
  readonly ended: number
  readonly failed: number
  readonly firstFailure: string
  readonly chunks: number
  /** Beyond the gap between two chunks, in milliseconds, since the counting began. */
  readonly late: {
    readonly p50: number
    readonly p99: number
    readonly p999: number
    readonly most: number
  }
}

const SECOND_MS = 1_000
const TICK_MS = 50
/** A gateway that refuses everything is not asked for ever. */
const MAX_FAILURES = 10_000

process.once('message', (settings: HoldSettings) => {
  const holder = createHolder(settings)
  setInterval(() => holder.fill(TICK_MS), TICK_MS)
  setInterval(() => process.send?.(holder.report()), SECOND_MS)
  process.on('message', (message) => {
    if (message === 'count') holder.count()
  })
  // The bench is gone: its streams go too.
  process.once('disconnect', () => process.exit(0))
})

function createHolder(settings: HoldSettings) {
  const { streams, opensPerSecond, leastChunks, mostChunks, gapMs } = settings
  let asked = 0
  let open = 0
  let ended = 0
  let failed = 0
  let firstFailure = ''
  let chunks = 0
  let begun = 0
  let credit = 0
  let late = createHistogram()
  const begin = (): void => {
    asked++
    begun++
    let isOpen = false
    const length = leastChunks + Math.floor(Math.random() * (mostChunks - leastChunks + 1))
    openStream(
      { ...settings, chunks: length },
      {
        opened: () => {
          isOpen = true
          open++
          chunks++
        },
        chunk: (passedMs) => {
          chunks++
          late.add(Math.max(0, passedMs - gapMs))
        },
        ended: (failure) => {
          asked--
          if (isOpen) open--
          if (failure === undefined) ended++
          else if (failed++ === 0) firstFailure = failure
        },
      },
    )
  }
  return {
    fill(tickMs: number) {
      credit = Math.min(opensPerSecond, credit + (opensPerSecond * tickMs) / SECOND_MS)
      while (credit >= 1 && asked < streams && failed < MAX_FAILURES) {
        credit--
        begin()
      }
    },
    /** What was late before, while streams were being opened, is no longer counted. */
    count() {
      late = createHistogram()
    },
    report(): HoldReport {
      const { most } = late
      const at = { p50: late.at(0.5), p99: late.at(0.99), p999: late.at(0.999), most }
      return { open, begun, ended, failed, firstFailure, chunks, late: at }
    },
  }
}
