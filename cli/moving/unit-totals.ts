import { entriesOf } from '#gateway/moving/rows.ts'
import type { Totals } from '#gateway/moving/stream.ts'
import type { Cell, Unit } from '#gateway/moving/unit.ts'

/** What the units of a stream come to, as an audit of the gateway that they came from says it. */
export interface UnitTotals {
  add(unit: Unit): void
  totals(): Totals
}

export function createUnitTotals(): UnitTotals {
  const sums = { available: 0n, held: 0n, hosts: 0n, fees: 0n }
  let accounts = 0
  return {
    add(unit) {
      for (const row of rowsOf(unit, 'accounts')) {
        accounts++
        sums.available += amountOf(row['available'])
        sums.held += amountOf(row['held'])
      }
      for (const row of rowsOf(unit, 'hosts')) {
        sums.hosts += amountOf(row['earned']) - amountOf(row['redeemed'])
      }
      if (unit.kind === 'host') sums.fees += BigInt(unit.commission)
    },
    totals: () => ({
      accounts,
      available: sums.available.toString(),
      held: sums.held.toString(),
      hosts: sums.hosts.toString(),
      fees: sums.fees.toString(),
    }),
  }
}

/** What two books do not agree on. */
export function differences(there: Totals, here: Totals): readonly string[] {
  // Sound: both have the members of Totals.
  const names = Object.keys(there) as (keyof Totals)[]
  return names.flatMap((name) =>
    there[name] === here[name] ? [] : [`${name}: ${there[name]} there, ${here[name]} here`],
  )
}

function rowsOf({ tables }: Unit, name: string): ReturnType<typeof entriesOf> {
  const table = tables[name]
  return table === undefined ? [] : entriesOf(table)
}

/** Anything else is no amount, and missing in the sum. */
function amountOf(cell: Cell | undefined): bigint {
  return Number.isSafeInteger(cell) ? BigInt(Number(cell)) : 0n
}
