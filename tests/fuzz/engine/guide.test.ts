import { expect, test } from 'vitest'
import { utf8 } from '#base/bytes.ts'
import { countSteps } from './coverage.ts'
import { fuzz } from './fuzz.ts'
import { guide } from './guide.ts'
import { type Bytes, target } from './target.ts'
import { outcomeOf } from './trial.ts'

/** Four bytes that must be right one after the other: no blind change hits all of them. */
function reach(bytes: Bytes): number {
  if (bytes[0] !== 0xff) return 0
  if (bytes[1] !== 0x80) return 1
  if (bytes[2] !== 0x84) return 2
  if (bytes[3] !== 0x7f) return 3
  throw new Error('there')
}

const made = target({
  name: 'made',
  file: 'made',
  corpus: [utf8('a seed')],
  errors: [],
  parse: reach,
})
const SEED = 3

test('coverage leads where no blind run of as many inputs comes', async () => {
  const guided = await guide(made, { seed: SEED, most: 30_000 })
  expect(guided.findings.map(({ why }) => why)).toEqual([expect.stringMatching(/there/)])
  expect(guided.kept.map(reachOf)).toEqual(expect.arrayContaining([1, 2, 3, 4]))
  const blind = await fuzz(made, {
    inputs: guided.ran,
    seed: SEED,
    countSteps: (input) => countSteps(() => outcomeOf(made, input)),
  })
  expect(blind.findings).toEqual([])
})

test('it ends when nothing new has come for long', async () => {
  const dull = target({ ...made, parse: ({ length }) => length })
  const { ran, kept } = await guide(dull, { seed: SEED, most: 1_000_000 })
  expect(kept).toEqual([])
  expect(ran).toBeLessThan(10_000)
})

function reachOf(bytes: Bytes): number {
  try {
    return reach(bytes)
  } catch {
    return 4
  }
}
