import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { ALICE, BOB } from '../ledger/testing/fixtures.ts'
import { type BodyOwner, createBodyBudget } from './body-budget.ts'

const MIB = 1024 * 1024
const TOTAL = 64 * MIB
const STRANGERS = TOTAL / 8

/** How many requests of an owner get room for a body of so many bytes. */
function fill(budget: ReturnType<typeof createBodyBudget>, owner: BodyOwner, bytes: number) {
  const rooms = []
  for (;;) {
    const room = budget.open()
    try {
      room.take(owner, bytes)
    } catch {
      return rooms
    }
    rooms.push(room)
  }
}

describe('the memory for bodies', () => {
  test('gives one account half, the next a third of what there is, and takes it back', () => {
    const budget = createBodyBudget(TOTAL, () => {})
    const first = fill(budget, { account: ALICE }, MIB)
    expect(first.length).toBe(28)
    expect(fill(budget, { account: BOB }, MIB).length).toBe(14)
    for (const room of first) {
      room.giveBack()
      room.giveBack()
    }
    expect(fill(budget, { account: ALICE }, MIB).length).toBe(21)
  })

  test('keeps strangers and accounts apart, whoever floods', () => {
    const flooded = createBodyBudget(TOTAL, () => {})
    for (let i = 0; i < 1_000; i++) fill(flooded, { address: `10.0.0.${i}` }, 64 * 1024)
    expect(fill(flooded, { account: ALICE }, MIB).length).toBe(28)
    const busy = createBodyBudget(TOTAL, () => {})
    fill(busy, { account: ALICE }, MIB)
    expect(fill(busy, { address: '10.0.0.1' }, MIB).length).toBe(STRANGERS / MIB / 2)
  })

  test('tells whose body there was no room for', () => {
    const refused: string[] = []
    const budget = createBodyBudget(TOTAL, (owner) => refused.push(owner))
    expect(() => budget.open().take({ address: '10.0.0.1' }, STRANGERS)).toThrow()
    expect(() => budget.open().take({ account: ALICE }, TOTAL)).toThrow()
    expect(refused).toEqual(['strangers', 'accounts'])
  })

  test('takes nothing for a request that has ended, nor what is no number', () => {
    const budget = createBodyBudget(TOTAL, () => {})
    const room = budget.open()
    room.giveBack()
    const overloaded = expect.objectContaining({ code: 'overloaded', status: 503 })
    expect(() => room.take({ account: ALICE }, 1)).toThrow(overloaded)
    expect(() => budget.open().take({ account: ALICE }, Number.NaN)).toThrow(overloaded)
    expect(fill(budget, { account: ALICE }, MIB).length).toBe(28)
  })

  test('is never exceeded, leaves as much as anybody holds, and is whole again at the end', () => {
    const step = fc.record({
      owner: fc.nat(5),
      bytes: fc.integer({ min: 0, max: 300 }),
      ends: fc.boolean(),
    })
    fc.assert(
      fc.property(fc.array(step, { maxLength: 200 }), (steps) => {
        const total = 800
        const pool = total - total / 8
        const budget = createBodyBudget(total, () => {})
        const open: { owner: number; bytes: number; giveBack(): void }[] = []
        for (const { owner, bytes, ends } of steps) {
          if (ends) open.shift()?.giveBack()
          const room = budget.open()
          try {
            room.take({ account: owner % 2 === 0 ? ALICE : BOB }, bytes)
          } catch {
            continue
          }
          open.push({ owner: owner % 2, bytes, giveBack: () => room.giveBack() })
          const sum = (of: typeof open) => of.reduce((all, one) => all + one.bytes, 0)
          const theirs = sum(open.filter((one) => one.owner === owner % 2))
          expect(theirs).toBeLessThanOrEqual(pool - sum(open))
        }
        for (const { giveBack } of open) giveBack()
        budget.open().take({ account: ALICE }, pool / 2)
        expect(() => budget.open().take({ account: ALICE }, 1)).toThrow()
      }),
    )
  })
})
