import { type UnixMs, unixMs } from '#base/brand.ts'

export const DAY_MS = 86_400_000
/** 1970-01-01 was a Thursday: weeks begin three days before it. */
const MONDAY = 3

/** Days since 1970-01-01 (UTC) on which the windows around a time began. */
export interface Windows {
  readonly day: number
  /** From Monday. */
  readonly week: number
  readonly month: number
}

export function windowsOf(at: UnixMs): Windows {
  const day = Math.floor(at / DAY_MS)
  const date = new Date(at)
  return {
    day,
    week: Math.floor((day + MONDAY) / 7) * 7 - MONDAY,
    month: Date.UTC(date.getUTCFullYear(), date.getUTCMonth(), 1) / DAY_MS,
  }
}

/** When the windows around a time end. */
export function windowEnds(at: UnixMs): Readonly<Record<keyof Windows, UnixMs>> {
  const { day, week } = windowsOf(at)
  const date = new Date(at)
  return {
    day: unixMs((day + 1) * DAY_MS),
    week: unixMs((week + 7) * DAY_MS),
    month: unixMs(Date.UTC(date.getUTCFullYear(), date.getUTCMonth() + 1, 1)),
  }
}
