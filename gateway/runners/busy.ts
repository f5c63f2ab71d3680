import { type UnixMs, unixMs } from '#base/brand.ts'

/**
 * A runner that says that it is busy is taken at its word for a short while, at no harm to its name: to be full is no fault.
 * One that says nothing else again and again is no runner that is busy, but one that does not serve.
 */
export interface Busy {
  /** How often in a row, without an answer between. */
  readonly times: number
  /** Nothing new is sent before this time; 0 when it never was. */
  readonly until: UnixMs
}

export const IDLE: Busy = { times: 0, until: unixMs(0) }

/** In a row, at ever longer rests: some two minutes in all. */
const BELIEVED = 8
const FIRST_REST_MS = 1_000
const LONGEST_REST_MS = 30_000

export function isBusy({ until }: Busy, now: UnixMs): boolean {
  return until > now
}

/** It has answered meanwhile: it serves, so that its next word counts as the first. */
export function served(busy: Busy): Busy {
  return busy.times === 0 ? busy : { ...busy, times: 0 }
}

/** @returns undefined when it said so too often to be believed */
export function busier({ times, until }: Busy, now: UnixMs): Busy | undefined {
  // Requests that were under way together say it once.
  if (until > now) return { times, until }
  if (times >= BELIEVED) return undefined
  const restMs = Math.min(LONGEST_REST_MS, FIRST_REST_MS * 2 ** times)
  return { times: times + 1, until: unixMs(now + restMs) }
}
