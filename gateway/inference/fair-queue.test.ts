import fc from 'fast-check'
import { expect, test } from 'vitest'
import { createFairQueue, type Queued } from './fair-queue.ts'

interface Entry extends Queued {
  readonly name: string
}

function queueOf(names: readonly string[]) {
  const queue = createFairQueue<Entry>()
  for (const name of names) queue.add({ account: name.charAt(0), bytes: 1, name })
  return queue
}

const takeAll = () => true

test('accounts take turns, each in its own order', () => {
  const queue = queueOf(['a1', 'a2', 'a3', 'b1', 'c1', 'b2'])
  const served = Array.from({ length: 6 }, () => queue.offer(takeAll)?.name)
  expect(served).toEqual(['a1', 'b1', 'c1', 'a2', 'b2', 'a3'])
  expect(queue.offer(takeAll)).toBeUndefined()
  expect([queue.size, queue.bytes]).toEqual([0, 0])
})

test('who cannot use a place keeps its own, and holds nobody up, not even its own account', () => {
  const queue = queueOf(['a1', 'b1', 'a2'])
  const notFirst = ({ name }: Entry) => name !== 'a1' && name !== 'b1'
  expect(queue.offer(notFirst)?.name).toBe('a2')
  expect(queue.offer(takeAll)?.name).toBe('b1')
  expect(queue.offer(takeAll)?.name).toBe('a1')
})

test('a crowd that wants another runner does not stand in the way for ever', () => {
  const queue = createFairQueue<Entry>()
  for (let i = 0; i < 100; i++) queue.add({ account: `stuck${i}`, bytes: 0, name: 'stuck' })
  queue.add({ account: 'late', bytes: 0, name: 'late' })
  const takes = ({ name }: Entry) => name === 'late'
  let passes = 0
  while (queue.offer(takes) === undefined) expect(++passes).toBeLessThan(5)
})

test('no account gets a second place before another that waits has got its first', () => {
  fc.assert(
    fc.property(fc.array(fc.constantFrom('a', 'b', 'c', 'd'), { maxLength: 60 }), (accounts) => {
      const queue = queueOf(accounts)
      const served: string[] = []
      for (let next = queue.offer(takeAll); next !== undefined; next = queue.offer(takeAll)) {
        served.push(next.account)
      }
      const first = new Set(served.slice(0, new Set(accounts).size))
      expect(first).toEqual(new Set(accounts))
      expect(served.length).toBe(accounts.length)
    }),
  )
})
