import { describe, expect, test } from 'vitest'
import { utf8 } from '#base/bytes.ts'
import { CodedError } from '#base/coded-error.ts'
// First: only what is compiled after it is counted.
import { countSteps } from './coverage.ts'
import { checkGenuine, fuzz } from './fuzz.ts'
import { createRandom } from './random.ts'
import { type Bytes, type FuzzTarget, saysWhatWasSigned, staysTheSame, target } from './target.ts'
import { outcomeOf } from './trial.ts'

class Refused extends CodedError<'refused'> {}

const refuse = (): never => {
  throw new Refused('refused', 'not of this form')
}
const text = (bytes: Bytes): string => new TextDecoder().decode(bytes)

function targetOf(parse: (bytes: Bytes) => unknown, seed = 'a seed of some length'): FuzzTarget {
  return target({ name: 'made', file: 'made', corpus: [utf8(seed)], errors: [Refused], parse })
}

async function findingsOf(made: FuzzTarget, inputs = 3_000): Promise<string[]> {
  const { findings } = await fuzz(made, {
    inputs,
    seed: 1,
    countSteps: (input) => countSteps(() => outcomeOf(made, input)),
  })
  return [...(await checkGenuine(made)), ...findings].map(({ why }) => why)
}

test('a parser that takes or refuses has no finding, and a seed gives the same inputs again', async () => {
  const inputs: string[][] = [[], []]
  for (const seen of inputs) {
    const made = targetOf((b) => {
      seen.push(text(b))
      return b.length > 5 ? b : refuse()
    })
    expect(await findingsOf(made)).toEqual([])
  }
  expect(inputs[0]).toEqual(inputs[1])
  expect(new Set(inputs[0]).size).toBeGreaterThan(1_000)
})

describe('a finding is', () => {
  test.each<[string, (b: Bytes) => unknown, RegExp]>([
    [
      'an error of no type of its own',
      (b) => {
        if (b.length < 10) throw new Error('short')
      },
      /threw Error: short/,
    ],
    [
      'an accident of the engine that a typed error hides',
      (b) => {
        try {
          // Sound: this is the mistake that is looked for.
          return (b.length < 10 ? (null as unknown as Bytes) : b).length
        } catch (cause) {
          throw new Refused('refused', 'not of this form', { cause })
        }
      },
      /hides TypeError: Cannot read properties of null/,
    ],
    [
      'work out of all proportion',
      (b) => {
        let sum = 0
        if (b.length < 3) for (let i = 0; i < 40_000_000; i++) if (i % 3 === 0) sum += i
        return sum
      },
      /takes too many steps/,
    ],
    [
      'memory out of all proportion',
      (b) => (b.length < 3 ? new Uint8Array(600 * 1_024 * 1_024).fill(1).length : 0),
      /takes more than \d+ MiB/,
    ],
  ])('%s', async (_, parse, why) => {
    expect(await findingsOf(targetOf(parse), 200)).toEqual([expect.stringMatching(why)])
  })

  test('a genuine input that is refused', async () => {
    expect(await findingsOf(targetOf(refuse), 1)).toEqual(['refuses a well-formed input'])
  })

  test('what a verifier took and nobody signed', async () => {
    const made = target({
      name: 'made',
      file: 'made',
      corpus: [utf8('signed: yes')],
      errors: [Refused],
      parse: (b) => (text(b).startsWith('signed') ? text(b) : refuse()),
      rule: saysWhatWasSigned(['signed: yes'], (said) => said),
    })
    expect(await findingsOf(made)).toEqual(['took what was never signed'])
  })

  test('what reads otherwise once written', async () => {
    const read = (b: Bytes): string => text(b).trim()
    const made = target({
      name: 'made',
      file: 'made',
      corpus: [utf8('a b')],
      errors: [],
      parse: text,
      rule: staysTheSame(
        (value: string) => utf8(value),
        read,
        (value) => value,
      ),
    })
    expect(await findingsOf(made)).toEqual(['reads otherwise once written'])
  })
})

test('a number below a bound is as likely as any other, whatever the seed', () => {
  const counts = [0, 0, 0, 0]
  const random = createRandom(5)
  for (let i = 0; i < 4_000; i++) {
    const at = random.int(4)
    counts[at] = (counts[at] ?? 0) + 1
  }
  for (const count of counts) expect(Math.abs(count - 1_000)).toBeLessThan(150)
})
