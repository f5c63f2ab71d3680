import type { Metrics } from '../metrics.ts'

/** Workers come and go by the thousand, and a scraper meets one at random: Cloudflare's own analytics count there. */
export const UNCOUNTED: Metrics = {
  request: () => {},
  firstByte: () => {},
  overhead: () => {},
  queued: () => {},
  runnerFailed: () => {},
  settled: () => {},
  refusedReceipt: () => {},
  commit: () => {},
  job: () => {},
  spansDropped: () => {},
  state: () => {},
  exposition: async () => ({ contentType: 'text/plain; version=0.0.4; charset=utf-8', text: '' }),
}
