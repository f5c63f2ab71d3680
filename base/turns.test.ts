import { expect, test } from 'vitest'
import { createTurns } from './turns.ts'

const refused = () => new RangeError('full')

test('work runs one at a time, in order, and a failure holds nobody up', async () => {
  const turns = createTurns(8, refused)
  const seen: string[] = []
  const work = (name: string, fails = false) =>
    turns.take(async () => {
      seen.push(`${name} begins`)
      await Promise.resolve()
      seen.push(`${name} ends`)
      if (fails) throw new Error(name)
    })
  const results = await Promise.allSettled([work('a'), work('b', true), work('c')])
  expect(results.map(({ status }) => status)).toEqual(['fulfilled', 'rejected', 'fulfilled'])
  expect(seen).toEqual(['a begins', 'a ends', 'b begins', 'b ends', 'c begins', 'c ends'])
})

test('a line that is full refuses, and takes again once somebody left', async () => {
  const turns = createTurns(1, refused)
  const first = turns.take(async () => 1)
  await expect(turns.take(async () => 2)).rejects.toThrow('full')
  await first
  await expect(turns.take(async () => 3)).resolves.toBe(3)
})

test('calls under one name share one work, and the next after it is new', async () => {
  const turns = createTurns(8, refused)
  let runs = 0
  const work = async () => ++runs
  expect(await Promise.all([turns.share('a', work), turns.share('a', work)])).toEqual([1, 1])
  expect(await turns.share('a', work)).toBe(2)
})
