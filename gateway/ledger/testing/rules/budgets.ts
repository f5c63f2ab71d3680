import { beforeEach, describe, expect, test } from 'vitest'
import { type UnixMs, unixMs } from '#base/brand.ts'
import { nano } from '#base/nano.ts'
import type { Ledger, Op } from '../../port.ts'
import { ALICE, later, NOW, request } from '../fixtures.ts'
import { expectSound, type Harness, type Opened, stateOf } from '../harness.ts'
import {
  addKey,
  budget,
  by,
  DAY_MS,
  KEY,
  NO_BUDGET,
  paid,
  TUESDAY,
  testKey,
} from '../key-fixtures.ts'

/** A key spends what it may and not a nanoTON more. */
export function budgetRules(opened: Opened): void {
  describe('budgets', () => {
    let harness: Harness
    let ledger: Ledger
    beforeEach(() => {
      harness = opened()
      ledger = harness.ledger
    })

    const spending = async (at: UnixMs = TUESDAY) => {
      const [read] = await ledger.commit([{ op: 'read_spending', account: ALICE, key: KEY, at }])
      return read.spending
    }

    test('rules, budget and role come back as they were given', async () => {
      const rules = {
        models: ['a/b', 'c'],
        origins: ['https://page.example'],
        maxPrice: { input: null, output: nano(5n) as bigint as never },
        requestsPerMinute: 60,
        tokensPerMinute: null,
        concurrency: 4,
      }
      const key = testKey({ role: 'admin', rules, budget: { ...NO_BUDGET, day: nano(70n) } })
      await ledger.commit([{ op: 'add_key', account: ALICE, key }])
      const [found] = await ledger.commit([{ op: 'find_key', account: ALICE, hash: key.hash }])
      expect(found).toEqual({ ok: true, key, mode: 'managed', previous: false })
    })

    test('a budget is never overspent by one nano, whatever is held at once', async () => {
      await ledger.commit([budget({ total: nano(100n) })])
      const answers = await Promise.all(
        Array.from({ length: 50 }, (_, i) => ledger.commit([by(i, 7n)])),
      )
      expect(answers.flat().filter(({ ok }) => ok)).toHaveLength(14)
      const refused = answers.flat().find(({ ok }) => !ok)
      expect(refused).toMatchObject({
        code: 'key_budget',
        available: 9_902n,
        budget: { period: 'total', most: 100n, used: 98n, resets: null },
      })
      expect((await stateOf(ledger)).held).toBe(98n)
      await expectSound(ledger)
    })

    test('what a settlement leaves of its hold may be spent again, what it cost may not', async () => {
      await ledger.commit([budget({ total: nano(100n) }), by(1, 100n), paid(1, 10)])
      const [over, fits] = await ledger.commit([by(2, 31n), by(3, 30n)])
      expect(over).toMatchObject({ ok: false, code: 'key_budget', budget: { used: 70n } })
      expect(fits).toMatchObject({ ok: true })
      await expectSound(ledger)
    })

    test('a released and a lapsed hold count no more', async () => {
      const release = { op: 'release', account: ALICE, request: request(1), attempt: 1, at: NOW }
      await ledger.commit([budget({ total: nano(100n) }), by(1, 100n)])
      await ledger.commit([release as Op, by(2, 100n)])
      await ledger.commit([{ op: 'maintain', now: later(21_600) }])
      expect(await ledger.commit([by(3, 100n)])).toMatchObject([{ ok: true }])
      await expectSound(ledger)
    })

    test('a late receipt is charged only as far as its key may spend', async () => {
      await ledger.commit([budget({ total: nano(100n) }), by(1, 70n), by(2, 30n)])
      await ledger.commit([{ op: 'maintain', now: later(21_600) }])
      const again = await ledger.commit([by(3, 60n), paid(1, 10), paid(2, 4)])
      expect(again).toMatchObject([
        { ok: true },
        { ok: false, code: 'late_insufficient' },
        { ok: true, late: true, cost: 28n },
      ])
      await expectSound(ledger)
    })

    test.each([
      ['day', 1, TUESDAY + DAY_MS],
      ['week', 5, TUESDAY + 6 * DAY_MS],
      ['month', 15, TUESDAY + 17 * DAY_MS],
    ] as const)('a budget of a %s ends with it, in UTC', async (period, sameDays, next) => {
      await ledger.commit([budget({ [period]: nano(100n) }), by(1, 80n), paid(1, 10)])
      // The last moment of the window, and the first one after it.
      const last = unixMs(TUESDAY + (sameDays - 1) * DAY_MS)
      expect(await ledger.commit([by(2, 31n, last)])).toMatchObject([
        { code: 'key_budget', budget: { period, used: 70n } },
      ])
      expect(await ledger.commit([by(3, 100n, unixMs(next))])).toMatchObject([{ ok: true }])
      await expectSound(ledger)
    })

    test('a clock that was a day ahead and is set back gives no day a second budget', async () => {
      const tomorrow = unixMs(TUESDAY + DAY_MS)
      await ledger.commit([budget({ day: nano(100n) }), by(1, 98n), paid(1, 14)])
      await ledger.commit([by(2, 7n, tomorrow), paid(2, 1, tomorrow)])
      const [over] = await ledger.commit([by(3, 1n)])
      expect(over).toMatchObject({
        ok: false,
        code: 'key_budget',
        budget: { period: 'day', used: 105n },
      })
      await expectSound(ledger)
    })

    test('nor does a budget that is set while what was spent already lies a day ahead', async () => {
      const tomorrow = unixMs(TUESDAY + DAY_MS)
      await ledger.commit([by(1, 98n, tomorrow), paid(1, 14, tomorrow)])
      await ledger.commit([budget({ day: nano(100n) })])
      const [early, over] = await ledger.commit([by(2, 3n), by(3, 3n, tomorrow)])
      expect([early, over]).toMatchObject([{ code: 'key_budget' }, { code: 'key_budget' }])
      await expectSound(ledger)
    })

    test('a hold of yesterday counts today, so that no day is overspent when it ends', async () => {
      const midnight = unixMs(Math.ceil(TUESDAY / DAY_MS) * DAY_MS)
      await ledger.commit([budget({ day: nano(100n) }), by(1, 98n, unixMs(midnight - 1))])
      const [over] = await ledger.commit([by(2, 3n, midnight)])
      expect(over).toMatchObject({
        code: 'key_budget',
        budget: { used: 98n, resets: midnight + DAY_MS },
      })
      await ledger.commit([paid(1, 14, midnight)])
      expect(await ledger.commit([by(3, 3n, midnight), by(4, 2n, midnight)])).toMatchObject([
        { ok: false },
        { ok: true },
      ])
      expect(await spending(midnight)).toEqual({
        held: 2n,
        total: 98n,
        day: 98n,
        week: 98n,
        month: 98n,
      })
    })

    test('a clock that steps back gives no second budget', async () => {
      await ledger.commit([budget({ day: nano(100n) })])
      const tomorrow = unixMs(TUESDAY + DAY_MS)
      await ledger.commit([by(1, 98n, tomorrow), paid(1, 14, tomorrow)])
      expect(await ledger.commit([by(2, 3n, TUESDAY)])).toMatchObject([{ code: 'key_budget' }])
    })

    test('a budget given later counts what was spent and is held already', async () => {
      await ledger.commit([addKey(), by(1, 100n), paid(1, 10), by(2, 20n)])
      const change = { op: 'change_key', account: ALICE, id: KEY, at: TUESDAY } as const
      await ledger.commit([{ ...change, budget: { ...NO_BUDGET, total: nano(100n) } }])
      const [over, fits] = await ledger.commit([by(3, 11n), by(4, 10n)])
      expect(over).toMatchObject({ code: 'key_budget', budget: { used: 90n } })
      expect(fits).toMatchObject({ ok: true })
      // A larger one, then none at all.
      await ledger.commit([{ ...change, budget: { ...NO_BUDGET, total: nano(120n) } }])
      expect(await ledger.commit([by(5, 20n)])).toMatchObject([{ ok: true }])
      const [freed] = await ledger.commit([{ ...change, budget: null }])
      expect(freed).toMatchObject({ key: { budget: null } })
      expect(await ledger.commit([by(6, 5_000n)])).toMatchObject([{ ok: true }])
      await expectSound(ledger)
    })

    test('budgets survive a restart', async () => {
      await ledger.commit([budget({ total: nano(100n) }), by(1, 98n), paid(1, 14)])
      ledger = await harness.restart()
      expect(await ledger.commit([by(2, 3n)])).toMatchObject([{ code: 'key_budget' }])
      await expectSound(ledger)
    })

    test('a rotated key works by both texts, and by the older ones no more', async () => {
      const [first, second, third] = ['aa', 'bb', 'cc'].map((byte) => byte.repeat(32))
      const find = (hash = '') => ({ op: 'find_key', account: ALICE, hash }) as const
      const change = { op: 'change_key', account: ALICE, id: KEY, at: NOW } as const
      const until = unixMs(NOW + 1_000)
      const rotate = (hash = '') => ({ ...change, rotate: { hash, masked: hash, until } }) as const
      await ledger.commit([addKey({ hash: first ?? '' }), rotate(second)])
      const both = await ledger.commit([find(first), find(second)])
      expect(both).toMatchObject([
        { previous: true, key: { id: KEY, previousUntil: until } },
        { previous: false, key: { id: KEY, previousUntil: until } },
      ])
      await ledger.commit([rotate(third)])
      expect(await ledger.commit([find(first), find(second), find(third)])).toMatchObject([
        { ok: false, code: 'unknown_key' },
        { previous: true },
        { previous: false },
      ])
      const [dead] = await ledger
        .commit([{ ...change, revoked: NOW }, rotate(first)])
        .then((r) => r.slice(1))
      expect(dead).toEqual({ ok: false, code: 'revoked_key' })
    })
  })
}
