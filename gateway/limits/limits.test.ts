import fc from 'fast-check'
import { beforeEach, describe, expect, test } from 'vitest'
import { type UnixMs, unixMs } from '#base/brand.ts'
import type { Identity } from '../accounts/authenticator.ts'
import { ApiError } from '../errors.ts'
import { clientAddress } from '../http/client-address.ts'
import { NO_RULES } from '../ledger/key-rules.ts'
import type { KeyRules } from '../ledger/port.ts'
import { ALICE, BOB, NOW, request } from '../ledger/testing/fixtures.ts'
import { testKey } from '../ledger/testing/key-fixtures.ts'
import { createAddressLimiter } from './address-limiter.ts'
import { giveBackTo, lookInto, takeFrom } from './gcra.ts'
import { createLimiter, type Limiter } from './limiter.ts'

const RATE = { limit: 3, periodMs: 60_000 }

describe('a bucket', () => {
  test('gives all of it at once, then as much as its rate', () => {
    let fullAt = 0
    for (let i = 0; i < 3; i++) {
      const taken = takeFrom(fullAt, RATE, 1, NOW)
      expect(taken.ok).toBe(true)
      if (taken.ok) fullAt = taken.fullAt
    }
    expect(takeFrom(fullAt, RATE, 1, NOW)).toEqual({ ok: false, retryAfterMs: 20_000 })
    expect(takeFrom(fullAt, RATE, 1, NOW + 19_999)).toEqual({ ok: false, retryAfterMs: 1 })
    expect(takeFrom(fullAt, RATE, 1, NOW + 20_000).ok).toBe(true)
    expect(takeFrom(fullAt, RATE, 3, NOW + 60_000).ok).toBe(true)
    expect(lookInto(fullAt, RATE, NOW)).toEqual({ remaining: 0, resetMs: 60_000 })
    expect(lookInto(fullAt, RATE, NOW + 20_000)).toEqual({ remaining: 1, resetMs: 40_000 })
  })

  test('never gives what is larger than itself', () => {
    expect(takeFrom(0, RATE, 4, NOW)).toEqual({ ok: false, retryAfterMs: null })
  })

  test('in no window of a period gives more than twice its limit, nor more than its flow over many', () => {
    const steps = fc.array(
      fc.record({ wait: fc.nat(30_000), amount: fc.integer({ min: 1, max: 12 }) }),
      {
        maxLength: 200,
      },
    )
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 50 }), steps, (limit, asked) => {
        const rate = { limit, periodMs: 60_000 }
        let fullAt = 0
        let now = 1_000_000
        const given: { at: number; amount: number }[] = []
        for (const { wait, amount } of asked) {
          now += wait
          const taken = takeFrom(fullAt, rate, amount, now)
          if (!taken.ok) {
            // What it promises holds.
            const { retryAfterMs } = taken
            if (retryAfterMs !== null)
              expect(takeFrom(fullAt, rate, amount, now + retryAfterMs).ok).toBe(true)
            continue
          }
          fullAt = taken.fullAt
          given.push({ at: now, amount })
        }
        const first = given[0]?.at ?? now
        const sum = given.reduce((total, { amount }) => total + amount, 0)
        expect(sum).toBeLessThanOrEqual(limit * (1 + (now - first) / 60_000) + 1e-6)
        for (const { at } of given) {
          const window = given.filter((g) => g.at >= at && g.at < at + 60_000)
          expect(window.reduce((total, { amount }) => total + amount, 0)).toBeLessThanOrEqual(
            2 * limit,
          )
        }
      }),
    )
  })

  test('is never more than full, whatever is given back', () => {
    expect(giveBackTo(NOW + 20_000, RATE, 100, NOW)).toBe(NOW)
    expect(lookInto(NOW, RATE, NOW)).toEqual({ remaining: 3, resetMs: 0 })
  })
})

describe('the limiter', () => {
  let now: UnixMs
  let limiter: Limiter
  beforeEach(() => {
    now = NOW
    limiter = createLimiter({ clock: () => now, accountConcurrency: 5 })
  })

  const identity = (rules: Partial<KeyRules>, account = ALICE): Identity => ({
    account,
    mode: 'managed',
    key: testKey().id,
    role: 'inference',
    sealedOnly: false,
    rules: { ...NO_RULES, ...rules },
  })

  function refusal(work: () => unknown): ApiError {
    try {
      work()
    } catch (error) {
      if (error instanceof ApiError) return error
    }
    throw new Error('nothing was refused')
  }

  test('lets so many requests of a key in at once, and another when one has left', () => {
    const key = identity({ concurrency: 2 })
    const [first] = [limiter.enter(key), limiter.enter(key)]
    expect(refusal(() => limiter.enter(key)).code).toBe('concurrency_exceeded')
    first?.leave()
    first?.leave()
    limiter.enter(key)
    expect(refusal(() => limiter.enter(key)).code).toBe('concurrency_exceeded')
  })

  test('lets so many requests of an account in at once, with or without limits of a key', () => {
    for (let i = 0; i < 5; i++) limiter.enter(identity(i % 2 ? { concurrency: 9 } : {}))
    expect(refusal(() => limiter.enter(identity({}))).code).toBe('concurrency_exceeded')
    limiter.enter(identity({}, BOB))
  })

  test('counts requests a minute and says when to come again', () => {
    const key = identity({ requestsPerMinute: 2 })
    limiter.enter(key).leave()
    const { headers } = limiter.enter(key)
    expect(headers()).toEqual({
      'x-ratelimit-limit-requests': '2',
      'x-ratelimit-remaining-requests': '0',
      'x-ratelimit-reset-requests': '1m0s',
    })
    const error = refusal(() => limiter.enter(key))
    expect(error.code).toBe('rate_limit_exceeded')
    expect(error.headers).toMatchObject({ 'retry-after': '30', 'retry-after-ms': '30000' })
    now = unixMs(now + 30_000)
    limiter.enter(key)
  })

  test('a refused request takes no place', () => {
    const key = identity({ requestsPerMinute: 1, concurrency: 2 })
    const first = limiter.enter(key)
    for (let i = 0; i < 10; i++) refusal(() => limiter.enter(key))
    now = unixMs(now + 60_000)
    limiter.enter(key)
    first.leave()
    now = unixMs(now + 60_000)
    limiter.enter(key)
  })

  test('takes the most tokens that a request may use, and gives back what it did not', () => {
    const key = identity({ tokensPerMinute: 1_000 })
    const admission = limiter.enter(key)
    admission.takeTokens(request(1), 800)
    const error = refusal(() => admission.takeTokens(request(2), 300))
    expect(error.code).toBe('rate_limit_exceeded')
    expect(error.headers['x-ratelimit-remaining-tokens']).toBe('200')
    limiter.used(request(1), 100)
    expect(admission.headers()['x-ratelimit-remaining-tokens']).toBe('900')
    // A receipt that comes twice gives nothing back twice.
    limiter.used(request(1), 0)
    expect(admission.headers()['x-ratelimit-remaining-tokens']).toBe('900')
  })

  test('a further attempt takes its tokens instead of those of the one before', () => {
    const admission = limiter.enter(identity({ tokensPerMinute: 1_000 }))
    admission.takeTokens(request(1), 800)
    admission.takeTokens(request(1), 900)
    expect(admission.headers()['x-ratelimit-remaining-tokens']).toBe('100')
    limiter.used(request(1), 0)
    expect(admission.headers()['x-ratelimit-remaining-tokens']).toBe('1000')
  })

  test('a request that can never fit is told so, once', () => {
    const admission = limiter.enter(identity({ tokensPerMinute: 100 }))
    const error = refusal(() => admission.takeTokens(request(1), 101))
    expect(error.code).toBe('request_exceeds_limit')
  })

  test('a receipt after a minute gives nothing back: the bucket is full by then', () => {
    const admission = limiter.enter(identity({ tokensPerMinute: 1_000 }))
    admission.takeTokens(request(1), 1_000)
    now = unixMs(now + 60_000)
    admission.takeTokens(request(2), 1_000)
    limiter.used(request(1), 0)
    expect(admission.headers()['x-ratelimit-remaining-tokens']).toBe('0')
  })
})

describe('limits for strangers', () => {
  test('hold for each address by itself and say when to come again', () => {
    let now = NOW
    const limiter = createAddressLimiter(2, () => now)
    limiter.take('1.1.1.1')
    limiter.take('1.1.1.1')
    limiter.take('2.2.2.2')
    expect(() => limiter.take('1.1.1.1')).toThrow(
      expect.objectContaining({
        code: 'rate_limit_exceeded',
        headers: { 'retry-after': '1800' },
      }),
    )
    now = unixMs(NOW + 1_800_000)
    limiter.take('1.1.1.1')
    expect(() => limiter.take('1.1.1.1')).toThrow(ApiError)
  })

  test.each([
    ['the connection itself', '9.9.9.9', undefined, '9.9.9.9'],
    ['a header of somebody that we do not trust', '9.9.9.9', '1.1.1.1', '9.9.9.9'],
    ['a trusted proxy', '10.0.0.1', '1.1.1.1', '1.1.1.1'],
    ['what the client wrote in front of it', '10.0.0.1', '8.8.8.8, 1.1.1.1', '1.1.1.1'],
    ['two trusted proxies', '10.0.0.1', '1.1.1.1, 10.0.0.2', '1.1.1.1'],
    ['a proxy that said nothing', '10.0.0.1', undefined, '10.0.0.1'],
    ['IPv4 inside IPv6', '::ffff:10.0.0.1', '[::ffff:1.1.1.1]:443', '1.1.1.1'],
    ['an IPv6 network', '2001:db8:1:2:a::1', undefined, '2001:db8:1:2::/64'],
    [
      'the same network in another spelling',
      '2001:0db8:0001:0002::',
      undefined,
      '2001:db8:1:2::/64',
    ],
    ['a short network', '2001:db8::1', undefined, '2001:db8:0:0::/64'],
  ])('know their client by %s', (_, remote, forwarded, address) => {
    const trusted = new Set(['10.0.0.1', '10.0.0.2'])
    expect(clientAddress(remote, forwarded, trusted)).toBe(address)
  })
})
