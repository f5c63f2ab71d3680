import type { Nano } from '#base/nano.ts'
import type { DailySum } from '../lib/account.ts'

export interface DailyCosts {
  /** Unix seconds of each day's beginning (UTC), without gaps. */
  readonly days: readonly number[]
  /** Sums in nanoTON, one for each day; the most expensive first, the rest together. */
  readonly series: readonly { readonly name: string; readonly costs: readonly bigint[] }[]
}

const DAY = 86_400
const MAX_SERIES = 4
const REST = 'Others'

/** Costs per day and group, for at most the `days` days before `now`. */
export function dailyCosts(
  requests: readonly { readonly at: number; readonly cost: Nano }[],
  options: {
    readonly groupOf: (index: number) => string
    readonly now: number
    readonly days: number
  },
): DailyCosts {
  const { groupOf, now, days: count } = options
  const last = Math.floor(now / DAY)
  const first = last - count + 1
  const days = Array.from({ length: count }, (_, i) => (first + i) * DAY)
  const sums = new Map<string, bigint[]>()
  requests.forEach(({ at, cost }, index) => {
    const day = Math.floor(at / DAY) - first
    if (day < 0 || day >= count) return
    const group = groupOf(index)
    const costs = sums.get(group) ?? Array.from({ length: count }, () => 0n)
    costs[day] = (costs[day] ?? 0n) + cost
    sums.set(group, costs)
  })
  const ranked = [...sums].sort(([, a], [, b]) => Number(total(b) - total(a)))
  const named = ranked.slice(0, MAX_SERIES).map(([name, costs]) => ({ name, costs }))
  const others = ranked.slice(MAX_SERIES).map(([, costs]) => costs)
  if (others.length === 0) return { days, series: named }
  const rest = days.map((_, i) => others.reduce((sum, costs) => sum + (costs[i] ?? 0n), 0n))
  return { days, series: [...named, { name: REST, costs: rest }] }
}

/** By model or by key. */
export function groupBy(
  sums: readonly DailySum[],
  by: 'model' | 'key',
  nameOfKey: (id: string) => string,
): (index: number) => string {
  return (index) => {
    const sum = sums[index]
    if (sum === undefined) return REST
    return by === 'model' ? sum.model : nameOfKey(sum.key)
  }
}

function total(costs: readonly bigint[]): bigint {
  return costs.reduce((sum, cost) => sum + cost, 0n)
}
