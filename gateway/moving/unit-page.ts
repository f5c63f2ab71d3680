import type { Unit } from './unit.ts'

/** The units from a position on: reading is repeated from the start, which nothing changes meanwhile. */
export function unitPage(units: Iterable<Unit>, from: number, limit: number): readonly Unit[] {
  return Iterator.from(units).drop(from).take(limit).toArray()
}
