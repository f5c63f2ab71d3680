import type { HourSums } from '../runners/runner-hours.ts'
import type { TrackRecord, TrackRecords } from '../runners/track-records.ts'

/** How a runner did in the last 24 hours and the last week, by whole hours, as this gateway saw it. */
export function trackRecordView(
  { day, week }: TrackRecord,
  { countsRequests }: Pick<TrackRecords, 'countsRequests'>,
) {
  return { day: sumsView(day, countsRequests), week: sumsView(week, countsRequests) }
}

function sumsView({ watched, up, answered, faults }: HourSums, countsRequests: boolean) {
  return {
    watched_seconds: watched,
    up_seconds: up,
    requests: countsRequests ? { answered, rejected: faults } : null,
  }
}
