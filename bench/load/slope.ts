/** One reading of something that must not grow. */
export interface Reading {
  readonly seconds: number
  readonly value: number
}

export interface Slope {
  /** The middle of all readings. */
  readonly level: number
  /** What an hour adds, by the median of the slopes between all pairs (Theil and Sen): peaks of a sawtooth do not pull it. */
  readonly perHour: number
  /** What the measured time added by that slope, as a share of the level. */
  readonly share: number
  /** It rose by more than is allowed, and did so all along: not by one step, nor as a wave. */
  readonly grows: boolean
}

const HOUR_SECONDS = 3_600
/** Least share of pairs whose later reading is the higher one, beyond those where it is lower: 1 is a straight rise. */
const STEADY = 0.5
/** More pairs say no more than this many. */
const MAX_READINGS = 600

/**
 * Whether readings rise all the time.
 * @param allowed the most that they may rise over the whole time, as a share of their level
 */
export function slopeOf(all: readonly Reading[], allowed: number): Slope {
  const readings = thinned(all)
  const slopes: number[] = []
  let rising = 0
  for (const [i, later] of readings.entries()) {
    for (const earlier of readings.slice(0, i)) {
      slopes.push((later.value - earlier.value) / (later.seconds - earlier.seconds))
      rising += Math.sign(later.value - earlier.value)
    }
  }
  const level = middle(readings.map(({ value }) => value))
  const slope = middle(slopes)
  const [first, last] = [readings[0]?.seconds ?? 0, readings.at(-1)?.seconds ?? 0]
  const share = level === 0 ? 0 : (slope * (last - first)) / level
  const steady = slopes.length === 0 ? 0 : rising / slopes.length
  return {
    level,
    perHour: slope * HOUR_SECONDS,
    share,
    grows: share > allowed && steady > STEADY,
  }
}

function thinned(readings: readonly Reading[]): readonly Reading[] {
  const every = Math.ceil(readings.length / MAX_READINGS)
  return readings.filter((_, at) => at % every === 0)
}

function middle(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b)
  return sorted[Math.floor(sorted.length / 2)] ?? 0
}
