import { formatTon, type Nano, nano } from '#base/nano.ts'

const NANO_PER_TON = 1_000_000_000n
const SHOWN_DIGITS = 4
const NANO_DIGITS = 9

/**
 * An amount for people, rounded down to four significant digits behind the point: "12.5", "0.0001234". Exact amounts
 * belong into a title or a file.
 */
export function shortTon(amount: Nano): string {
  const size = amount < 0n ? -amount : amount
  const leading = NANO_DIGITS - (size % NANO_PER_TON).toString().length
  const kept = size >= NANO_PER_TON ? SHOWN_DIGITS : Math.min(NANO_DIGITS, leading + SHOWN_DIGITS)
  const step = 10n ** BigInt(NANO_DIGITS - kept)
  const rounded = (size / step) * step
  return formatTon(nano(amount < 0n ? -rounded : rounded))
}

/** "run_1a2b…9f" */
export function shortId(id: string, head = 10, tail = 4): string {
  return id.length <= head + tail + 1 ? id : `${id.slice(0, head)}…${id.slice(-tail)}`
}

/** "2026-11-28 14:05 UTC", the same for every reader. */
export function utcTime(seconds: number): string {
  return `${new Date(seconds * 1000).toISOString().slice(0, 16).replace('T', ' ')} UTC`
}

/** "131,072" */
export function grouped(count: number): string {
  return count.toString().replace(/\B(?=(?:\d{3})+$)/g, ',')
}

/** "99.9 %", rounded down so that an outage is never rounded away; a dash for what is not known. */
export function percent(share: number | undefined): string {
  return share === undefined ? '–' : `${Math.floor(share * 1_000) / 10} %`
}

/** "1 account", "12,000 accounts" */
export function counted(count: number, noun: string): string {
  return `${grouped(count)} ${noun}${count === 1 ? '' : 's'}`
}
