import { expect, test } from 'vitest'
import type { Queued } from './fair-queue.ts'
import { sharesOf, whoMakesRoom } from './make-room.ts'

const LIMITS = { requests: 10, bytes: 1_000 }

interface Entry extends Queued {
  readonly name: string
}

const entry = (name: string, bytes = 1): Entry => ({ account: name.charAt(0), bytes, name })
const leaves = (waiting: readonly Entry[], newcomer: Entry) =>
  whoMakesRoom(waiting, newcomer, { shares: sharesOf(waiting, LIMITS), limits: LIMITS })?.name

test('the newest of the account that takes most leaves, if it takes more than the newcomer', () => {
  const waiting = ['a1', 'a2', 'a3', 'b1'].map((name) => entry(name))
  expect(leaves(waiting, entry('c1'))).toBe('a3')
  expect(leaves(waiting, entry('b2'))).toBe('a3')
  expect(leaves(waiting, entry('a4'))).toBeUndefined()
  expect(leaves([entry('a1'), entry('b1')], entry('c1'))).toBeUndefined()
})

test('large bodies count as what they take', () => {
  const waiting = [entry('a1', 700), entry('b1'), entry('b2'), entry('b3')]
  expect(leaves(waiting, entry('c1'))).toBe('a1')
  expect(leaves(waiting, entry('a2'))).toBeUndefined()
})
