import { beforeEach, describe, expect, test } from 'vitest'
import { MAX_COLUMN_NANO } from '#base/nano.ts'
import { LATE_RECEIPT_S } from '../../maintain.ts'
import type { Ledger } from '../../port.ts'
import {
  ALICE,
  BOB,
  DEADLINE,
  later,
  mirror,
  NOW,
  OTHER_HOST,
  OTHER_TERMS,
  request,
  reserve,
  settle,
  TERMS,
} from '../fixtures.ts'
import { balances, expectSound, hostOf, type Opened } from '../harness.ts'

/** From a hold to its settlement or release. */
export function requestRules(opened: Opened): void {
  describe('requests', () => {
    let ledger: Ledger
    beforeEach(() => {
      ledger = opened().ledger
    })

    test('a hold is taken from what is available, and only once per attempt', async () => {
      expect(await ledger.commit([reserve(1, 600n)])).toMatchObject([{ ok: true, available: 400n }])
      expect(await ledger.commit([reserve(1, 600n)])).toMatchObject([{ ok: true, available: 400n }])
      expect(await balances(ledger)).toEqual([400n, 600n])
      await expectSound(ledger)
    })

    test('a repeat of a hold with other terms or amount is a duplicate, not a second hold', async () => {
      await ledger.commit([reserve(1, 100n)])
      const results = await ledger.commit([
        reserve(1, 101n),
        reserve(1, 100n, { terms: OTHER_TERMS }),
      ])
      expect(results.map((r) => (r.ok ? 'ok' : r.code))).toEqual(['duplicate', 'duplicate'])
      expect(await balances(ledger)).toEqual([900n, 100n])
    })

    test('one nano too few is insufficient and holds nothing', async () => {
      const results = await ledger.commit([reserve(1, 1_001n)])
      expect(results).toEqual([{ ok: false, code: 'insufficient_credits', available: 1_000n }])
      expect(await balances(ledger)).toEqual([1_000n, 0n])
    })

    test('more than any account can have is insufficient, and disturbs nobody in the same transaction', async () => {
      const results = await ledger.commit([
        reserve(1, 400n),
        reserve(2, MAX_COLUMN_NANO + 1n),
        reserve(2, 600n),
      ])
      expect(results).toEqual([
        { ok: true, available: 600n },
        { ok: false, code: 'insufficient_credits', available: 600n },
        { ok: true, available: 0n },
      ])
    })

    test('an account nobody opened can reserve nothing', async () => {
      const [result] = await ledger.commit([reserve(1, 1n, { account: BOB })])
      expect(result).toEqual({ ok: false, code: 'unknown_account', available: 0n })
    })

    test('the cost is one rounding up of the whole sum, so is the commission, the host gets the rest', async () => {
      const price = { input: 2_999_999n, cached: 1n, output: 7_000_000n } as typeof TERMS.price
      await ledger.commit([reserve(1, 500n, { terms: { ...TERMS, price } })])
      const usage = {
        prompt_tokens: 11,
        cached_tokens: 4,
        completion_tokens: 13,
        reasoning_tokens: 5,
      }
      const [settled] = await ledger.commit([settle(1, 0, { usage })])
      // 7 × 2.999999 + 4 × 0.000001 + 13 × 7 = 111.999997
      const numbers = { cost: 112n, commission: 12n, share: 100n }
      expect(settled).toEqual({ ok: true, duplicate: false, late: false, ...numbers })
      expect(await balances(ledger)).toEqual([888n, 0n])
      expect(await hostOf(ledger)).toEqual({
        earned: 100n,
        collected: 0n,
        vouchered: 0n,
        redeemed: 0n,
      })
      await expectSound(ledger)
    })

    test('a receipt delivered again gives the same numbers and charges nothing', async () => {
      await ledger.commit([reserve(1, 100n)])
      const [first] = await ledger.commit([settle(1, 10)])
      const again = await ledger.commit([settle(1, 10), settle(1, 9)])
      expect(again).toEqual([
        { ...first, duplicate: true },
        { ...first, duplicate: true },
      ])
      expect(await balances(ledger)).toEqual([930n, 0n])
      await expectSound(ledger)
    })

    test('a settled attempt cannot be reserved again, before or after it is indexed', async () => {
      await ledger.commit([reserve(1, 100n), settle(1, 10)])
      const [before] = await ledger.commit([reserve(1, 100n)])
      await ledger.commit([{ op: 'maintain', now: later(1) }])
      const [after] = await ledger.commit([reserve(1, 100n)])
      const duplicate = { ok: false, code: 'duplicate', available: 930n }
      expect([before, after]).toEqual([duplicate, duplicate])
    })

    test('receipts of one turn add up, for each host and for the operator', async () => {
      await ledger.commit([
        ...[1, 2, 3].map((n) => reserve(n, 100n)),
        reserve(4, 100n, { terms: OTHER_TERMS }),
      ])
      const other = { runner: OTHER_TERMS.runner, payee: OTHER_HOST }
      await Promise.all([
        ...[1, 2, 3].map((n) => ledger.commit([settle(n, n)])),
        ledger.commit([settle(4, 10, other)]),
      ])
      // Costs 7, 14, 21 and 70 with commissions 1, 2, 3 and 7.
      expect((await hostOf(ledger)).earned).toBe(36n)
      expect((await hostOf(ledger, OTHER_HOST)).earned).toBe(63n)
      const [audit] = await ledger.commit([{ op: 'audit' }])
      expect(audit).toMatchObject({ fees: 13n, hosts: 99n, clearing: 0n, broken: [] })
    })

    test('a receipt that claims more than was held is charged the hold', async () => {
      await ledger.commit([reserve(1, 50n)])
      const [settled] = await ledger.commit([settle(1, 1_000_000)])
      expect(settled).toMatchObject({ ok: true, cost: 50n, commission: 5n, share: 45n })
      await expectSound(ledger)
    })

    test('a refusal by the runner settles at nothing and gives the hold back', async () => {
      await ledger.commit([reserve(1, 50n)])
      const [settled] = await ledger.commit([settle(1, 0, { stop: 'error' })])
      expect(settled).toMatchObject({ ok: true, cost: 0n })
      expect(await balances(ledger)).toEqual([1_000n, 0n])
      await expectSound(ledger)
    })

    test('a receipt of another runner, or for another payee, leaves the hold alone', async () => {
      await ledger.commit([reserve(1, 50n)])
      const results = await ledger.commit([
        settle(1, 1, { runner: OTHER_TERMS.runner }),
        settle(1, 1, { payee: OTHER_HOST }),
        settle(1, 1, { account: BOB }),
        settle(2, 1),
      ])
      expect(results).toEqual([
        { ok: false, code: 'wrong_runner' },
        { ok: false, code: 'wrong_runner' },
        { ok: false, code: 'unknown_attempt' },
        { ok: false, code: 'unknown_attempt' },
      ])
      expect(await balances(ledger)).toEqual([950n, 50n])
    })

    test('a runner’s word ends no hold of another one', async () => {
      await ledger.commit([reserve(1, 50n)])
      const release = { op: 'release', account: ALICE, request: request(1), attempt: 1 } as const
      const by = (runner: typeof OTHER_TERMS.runner) => ({ ...release, runner, at: NOW })
      const [other] = await ledger.commit([by(OTHER_TERMS.runner)])
      expect(other).toEqual({ ok: false, code: 'wrong_runner' })
      expect(await balances(ledger)).toEqual([950n, 50n])
      const [own] = await ledger.commit([by(TERMS.runner)])
      expect(own).toEqual({ ok: true, released: true })
      expect(await balances(ledger)).toEqual([1000n, 0n])
    })

    test('after a failover only the attempt that answered is charged', async () => {
      await ledger.commit([reserve(1, 100n)])
      await ledger.commit([
        { op: 'release', account: ALICE, request: request(1), attempt: 1, at: NOW },
        reserve(1, 100n, { attempt: 2, terms: OTHER_TERMS }),
      ])
      const second = { attempt: 2, runner: OTHER_TERMS.runner, payee: OTHER_HOST }
      const results = await ledger.commit([settle(1, 10), settle(1, 10, second)])
      expect(results[0]).toEqual({ ok: false, code: 'not_charged' })
      expect(results[1]).toMatchObject({ ok: true, cost: 70n })
      expect(await balances(ledger)).toEqual([930n, 0n])
      expect((await hostOf(ledger)).earned).toBe(0n)
      await expectSound(ledger)
    })

    test('a release is idempotent and gives back once', async () => {
      await ledger.commit([reserve(1, 100n)])
      const release = {
        op: 'release',
        account: ALICE,
        request: request(1),
        attempt: 1,
        at: NOW,
      } as const
      expect(await ledger.commit([release, release])).toEqual([
        { ok: true, released: true },
        { ok: true, released: false },
      ])
      expect(await balances(ledger)).toEqual([1_000n, 0n])
      const unknown = { ...release, request: request(2) }
      expect(await ledger.commit([unknown])).toEqual([{ ok: false, code: 'unknown_attempt' }])
    })

    test('a hold without a receipt lapses at its deadline; a late receipt is charged if the account can pay', async () => {
      await ledger.commit([reserve(1, 700n), reserve(2, 300n)])
      const early = { op: 'maintain', now: later(21_599) } as const
      const due = { op: 'maintain', now: DEADLINE } as const
      const [before, after] = await ledger.commit([early, due])
      expect(before).toEqual({ ok: true, lapsed: 0, next: DEADLINE })
      expect(after).toEqual({ ok: true, lapsed: 2, next: null })
      expect(await balances(ledger)).toEqual([1_000n, 0n])
      await ledger.commit([reserve(3, 400n)])
      const results = await ledger.commit([settle(1, 100), settle(2, 20)])
      expect(results[0]).toEqual({ ok: false, code: 'late_insufficient' })
      expect(results[1]).toMatchObject({ ok: true, late: true, cost: 140n })
      expect(await balances(ledger)).toEqual([460n, 400n])
      await expectSound(ledger)
    })

    test('a week after its deadline an attempt is forgotten', async () => {
      await ledger.commit([reserve(1, 700n)])
      await ledger.commit([{ op: 'maintain', now: later(21_600 + LATE_RECEIPT_S) }])
      const [settled] = await ledger.commit([settle(1, 1)])
      expect(settled).toEqual({ ok: false, code: 'unknown_attempt' })
    })

    test('an account reads its own settlements and receipts, newest first, and no others', async () => {
      await ledger.commit([mirror(BOB, 100n), reserve(9, 50n, { account: BOB })])
      for (const n of [1, 2, 3]) await ledger.commit([reserve(n, 50n), settle(n, n)])
      await ledger.commit([settle(9, 1, { account: BOB })])
      const list = { op: 'list_settlements', account: ALICE, before: null, limit: 2 } as const
      const [newest] = await ledger.commit([list])
      expect(newest.settlements.map((s) => s.request)).toEqual([request(3), request(2)])
      const [rest] = await ledger.commit([
        { ...list, before: newest.settlements.at(-1)?.id ?? null },
      ])
      expect(rest.settlements.map((s) => [s.request, s.cost])).toEqual([[request(1), 7n]])
      const find = { op: 'find_settlement', account: ALICE, attempt: 1 } as const
      const [own, foreign] = await ledger.commit([
        { ...find, request: request(2) },
        { ...find, request: request(9) },
      ])
      expect(own).toMatchObject({
        ok: true,
        receipt: '{"receipt_id":"2"}',
        settlement: { model: TERMS.model, runner: TERMS.runner, cost: 14n, reserved: 50n },
      })
      expect(foreign).toEqual({ ok: false, code: 'unknown_attempt' })
    })
  })
}
