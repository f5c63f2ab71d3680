import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { ceilDiv, nano, nanoPerMillion } from '#base/nano.ts'
import { costOf } from '#protocol'
import { boundOf, developerPrices, shortenTo } from './terms.ts'

const price = fc.bigInt({ min: 0n, max: 10n ** 15n })
const bps = fc.integer({ min: 0, max: 9_999 })
const tokens = fc.integer({ min: 0, max: 1_000_000 })

const prices = fc
  .record({ input: price, cached: price, output: price })
  .filter(({ input, cached }) => cached <= input)
  .map(({ input, cached, output }) => ({
    input: nanoPerMillion(input),
    cached: nanoPerMillion(cached),
    output: nanoPerMillion(output),
  }))

describe('developer’s prices', () => {
  test('leave the host its price after the commission is rounded up', () => {
    fc.assert(
      fc.property(
        prices,
        fc.integer({ min: 0, max: 30_000 }),
        bps,
        (base, coefficient, commission) => {
          const paid = developerPrices(base, coefficient, commission)
          const host = (base.output * BigInt(coefficient) + 9_999n) / 10_000n
          const share = paid.output - ceilDiv(paid.output * BigInt(commission), 10_000n)
          expect(share).toBeGreaterThanOrEqual(host)
        },
      ),
    )
  })

  test('without commission are the host’s', () => {
    const base = {
      input: nanoPerMillion(7n),
      cached: nanoPerMillion(3n),
      output: nanoPerMillion(9n),
    }
    expect(developerPrices(base, 10_000, 0)).toEqual(base)
  })
})

describe('the bound of a request', () => {
  const ask = fc.record({
    promptBound: tokens,
    maxTokens: fc.option(fc.integer({ min: 1, max: 1_000_000 }), { nil: undefined }),
    choices: fc.integer({ min: 1, max: 128 }),
    contextLength: fc.integer({ min: 1, max: 200_000 }),
    inWindows: fc.constant(false),
    maxOutputTokens: fc.integer({ min: 1, max: 200_000 }),
  })

  test('is never below what any allowed usage costs', () => {
    fc.assert(
      fc.property(ask, prices, fc.double({ min: 0, max: 1, noNaN: true }), (asked, paid, part) => {
        const bound = boundOf(asked, paid)
        const prompt_tokens = Math.floor(bound.promptTokens * part)
        const usage = {
          prompt_tokens,
          cached_tokens: Math.floor(prompt_tokens * part),
          completion_tokens: Math.floor(bound.completionTokens * part),
        }
        expect(costOf(usage, paid)).toBeLessThanOrEqual(bound.cost)
      }),
    )
  })

  test('shortened to an amount costs at most that, and no token less than it could', () => {
    fc.assert(
      fc.property(ask, prices, price, (asked, paid, most) => {
        const whole = boundOf(asked, paid)
        const shorter = shortenTo(whole, nano(most), paid)
        if (shorter === undefined) {
          expect(whole.cost).toBeGreaterThan(most)
          const one = { prompt_tokens: whole.promptTokens, cached_tokens: 0, completion_tokens: 1 }
          expect(costOf(one, paid)).toBeGreaterThan(most)
          return
        }
        expect(shorter.cost).toBeLessThanOrEqual(most)
        expect(shorter.completionTokens).toBeLessThanOrEqual(whole.completionTokens)
        if (shorter.completionTokens < whole.completionTokens) {
          const more = shorter.completionTokens + 1
          const usage = {
            prompt_tokens: shorter.promptTokens,
            cached_tokens: 0,
            completion_tokens: more,
          }
          expect(costOf(usage, paid)).toBeGreaterThan(most)
        }
      }),
    )
  })
})
