import type { UnitRead } from './read-units.ts'
import type { Unit } from './unit.ts'

/** The units from a position on: going through them is repeated from the start, which nothing changes meanwhile. */
export function unitPage(units: Iterable<UnitRead>, from: number, limit: number): readonly Unit[] {
  return Iterator.from(units)
    .drop(from)
    .take(limit)
    .map((read) => read())
    .toArray()
}
