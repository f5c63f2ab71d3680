import { type Clock, toSeconds, type UnixSeconds, unixMs } from '#base/brand.ts'
import type { RunnerId, TonAddress } from '../db/ids.ts'
import { type Directory, isUp, MISSED_MS } from './directory.ts'
import type { LiveRunner } from './live-runner.ts'
import type { HourEntry, HourSums, RunnerHours } from './runner-hours.ts'
import { newTally } from './tally.ts'

/** How often the gateway looks: a shorter outage may go unseen. */
export const WATCH_MS = 10_000
/** A longer pause was the gateway's own: nobody looked, so nothing is said of it. */
const MAX_GAP_SECONDS = 60
const HOUR_SECONDS = 3_600
const DAY_HOURS = 24
const WEEK_HOURS = 7 * DAY_HOURS
/** Sums are made at most this often, however many ask. */
const FRESH_MS = 15_000
const NOTHING: HourSums = { watched: 0, up: 0, answered: 0, faults: {} }

/** How a runner did lately, by what this gateway saw itself. */
export interface TrackRecord {
  readonly day: HourSums
  readonly week: HourSums
}

/** A runner of a host, there or gone. */
export interface HostRunner {
  readonly id: RunnerId
  readonly model: string
  readonly seen: UnixSeconds
  readonly record: TrackRecord
}

export interface TrackRecords {
  /** Writes down what was seen since the last call. */
  watch(): Promise<void>
  of(runner: RunnerId): Promise<TrackRecord>
  ofHost(payee: TonAddress): Promise<readonly HostRunner[]>
  /** Whether requests are counted here too, or made elsewhere and unknown. */
  readonly countsRequests: boolean
}

const MAX_HOST_RUNNERS = 100

/**
 * Keeps how long each runner could have served, of the time in which this gateway looked. A runner that left is watched on
 * for a week, as one that is down; an hour of the gateway's own absence counts for nobody.
 */
export function createTrackRecords(deps: {
  readonly hours: RunnerHours
  readonly directory: Directory
  readonly countsRequests: boolean
  /** Whether this gateway counts time: of several that share their tables one does. */
  readonly countsTime: () => boolean
  readonly clock: Clock
}): TrackRecords {
  const { hours, directory, countsRequests, countsTime, clock } = deps
  const started = clock()
  let looked = toSeconds(started)
  let dropped = 0
  let sums: { readonly at: number; readonly day: Sums; readonly week: Sums } | undefined

  const hourNow = (): number => Math.floor(toSeconds(clock()) / HOUR_SECONDS)
  const read = async () => {
    if (sums === undefined || clock() - sums.at >= FRESH_MS) {
      const hour = hourNow()
      sums = {
        at: clock(),
        day: await hours.sum(hour - DAY_HOURS + 1),
        week: await hours.sum(hour - WEEK_HOURS + 1),
      }
    }
    return sums
  }
  const of = async (runner: RunnerId): Promise<TrackRecord> => {
    const { day, week } = await read()
    return { day: day.get(runner) ?? NOTHING, week: week.get(runner) ?? NOTHING }
  }
  return {
    countsRequests,
    of,
    async watch() {
      const now = toSeconds(clock())
      // A clock that was set back has counted that time already.
      const since = now < looked || now - looked > MAX_GAP_SECONDS ? now : looked
      looked = now
      // Right after its own start the gateway has not heard of everybody: nobody is down yet.
      const judges = clock() - started > MISSED_MS
      const watches = countsTime()
      const known = await hours.seenSince(unixMs(clock() - WEEK_HOURS * HOUR_SECONDS * 1000))
      await hours.add(
        known.flatMap((id) => entriesOf(directory.find(id), { id, since, now, judges, watches })),
      )
      const oldest = hourNow() - WEEK_HOURS
      if (oldest > dropped) await hours.dropBefore(oldest)
      dropped = oldest
    },
    async ofHost(payee) {
      const rows = await hours.ofHost(payee, MAX_HOST_RUNNERS)
      return Promise.all(
        rows.map(async ({ id, model, seen }) => {
          return { id, model, seen: toSeconds(seen), record: await of(id) }
        }),
      )
    },
  }
}

type Sums = ReadonlyMap<string, HourSums>

/** One entry for each hour that the stretch touches; requests go to the last one. */
function entriesOf(
  runner: LiveRunner | undefined,
  look: {
    readonly id: RunnerId
    readonly since: UnixSeconds
    readonly now: UnixSeconds
    /** Whether a runner that is not up counts as down. */
    readonly judges: boolean
    /** Whether time counts at all, or requests alone. */
    readonly watches: boolean
  },
): readonly HourEntry[] {
  const { id, since, now, judges, watches } = look
  const { answered, faults } = runner?.load.tally ?? newTally()
  if (runner !== undefined) runner.load.tally = newTally()
  const up = runner !== undefined && isUp(runner, unixMs(now * 1000), now)
  const isWatched = watches && (up || judges)
  if (!isWatched && answered === 0 && faults.size === 0) return []
  return stretches(since, now).map(({ hour, seconds }, i, all) => ({
    runner: id,
    hour,
    watched: isWatched ? seconds : 0,
    up: isWatched && up ? seconds : 0,
    ...(i === all.length - 1 ? { answered, faults } : { answered: 0, faults: new Map() }),
  }))
}

/** The whole hours that a stretch of time touches, with its seconds in each. */
export function stretches(
  since: number,
  now: number,
): readonly { readonly hour: number; readonly seconds: number }[] {
  const last = Math.floor(now / HOUR_SECONDS)
  const parts: { hour: number; seconds: number }[] = []
  for (let hour = Math.floor(since / HOUR_SECONDS); hour <= last; hour++) {
    const begins = Math.max(since, hour * HOUR_SECONDS)
    const ends = Math.min(now, (hour + 1) * HOUR_SECONDS)
    parts.push({ hour, seconds: ends - begins })
  }
  return parts
}
