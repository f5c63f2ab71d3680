/** So much in each period, and all of it at once when nothing was used (a generic cell rate algorithm). */
export interface Rate {
  readonly limit: number
  readonly periodMs: number
}

/** A bucket's whole state: the time (ms) at which it is full again. 0 is full. */
export type FullAt = number

export type Taken =
  | { readonly ok: true; readonly fullAt: FullAt }
  /** `retryAfterMs` is null when it never fits. */
  | { readonly ok: false; readonly retryAfterMs: number | null }

/** Sums of fractions of a millisecond come out a little high. */
const ROUNDING_MS = 0.001

/** Takes `amount` out of the bucket, whole or not at all. */
export function takeFrom(fullAt: FullAt, rate: Rate, amount: number, now: number): Taken {
  if (amount > rate.limit) return { ok: false, retryAfterMs: null }
  const next = Math.max(fullAt, now) + costMs(rate, amount)
  const over = next - now - rate.periodMs
  if (over > ROUNDING_MS) return { ok: false, retryAfterMs: Math.max(1, Math.ceil(over)) }
  return { ok: true, fullAt: next }
}

/** Puts back what was taken and not used. A bucket is never more than full. */
export function giveBackTo(fullAt: FullAt, rate: Rate, amount: number, now: number): FullAt {
  return Math.max(now, fullAt - costMs(rate, amount))
}

/** What is left in it, and how long until it is full. */
export function lookInto(
  fullAt: FullAt,
  rate: Rate,
  now: number,
): { readonly remaining: number; readonly resetMs: number } {
  const resetMs = Math.max(0, fullAt - now)
  const used = Math.ceil((resetMs - ROUNDING_MS) / costMs(rate, 1))
  return { remaining: Math.max(0, rate.limit - Math.max(0, used)), resetMs: Math.ceil(resetMs) }
}

function costMs(rate: Rate, amount: number): number {
  return (rate.periodMs * amount) / rate.limit
}
