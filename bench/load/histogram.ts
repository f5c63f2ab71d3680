/** Milliseconds by bucket: an hour of a million chunks takes no more memory than a minute of them. */
export interface Histogram {
  add(ms: number): void
  readonly count: number
  readonly most: number
  /** @returns the upper edge of the bucket in which this share of all values ends */
  at(share: number): number
}

/** Each bucket is this much wider than the one before: a percentile is right to 5 %. */
const STEP = 1.05
const LEAST_MS = 0.1
const BUCKETS = 300

export function createHistogram(): Histogram {
  const buckets = new Float64Array(BUCKETS)
  let count = 0
  let most = 0
  return {
    add(ms) {
      count++
      most = Math.max(most, ms)
      const bucket = ms <= LEAST_MS ? 0 : Math.ceil(Math.log(ms / LEAST_MS) / Math.log(STEP))
      const at = Math.min(BUCKETS - 1, bucket)
      buckets[at] = (buckets[at] ?? 0) + 1
    },
    get count() {
      return count
    },
    get most() {
      return most
    },
    at(share) {
      let left = share * count
      for (const [bucket, values] of buckets.entries()) {
        left -= values
        if (left <= 0) return Math.min(most, LEAST_MS * STEP ** bucket)
      }
      return most
    },
  }
}
