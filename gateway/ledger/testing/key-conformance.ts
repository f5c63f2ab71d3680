import { beforeEach, describe, expect, test } from 'vitest'
import { type UnixMs, unixMs } from '#base/brand.ts'
import { nano } from '#base/nano.ts'
import { accountId, keyId, tonAddress } from '../../db/ids.ts'
import { NO_RULES } from '../key-rules.ts'
import type { KeyBudget, Ledger, Op, StoredKey } from '../port.ts'
import { expectSound, type Harness, type OpenHarness, stateOf } from './conformance.ts'
import {
  ALICE,
  BOB,
  DAY_S,
  later,
  mirror,
  NOW,
  OTHER_TERMS,
  request,
  reserve,
  settle,
} from './fixtures.ts'

const DAY_MS = DAY_S * 1000
/** 2023-11-14, a Tuesday, at 22:13:20. */
const TUESDAY = NOW
const KEY = keyId(`key_${'1'.repeat(20)}`)
const NO_BUDGET: KeyBudget = { total: null, day: null, week: null, month: null }

export function testKey(said: Partial<StoredKey> = {}): StoredKey {
  return {
    id: KEY,
    hash: '11'.repeat(32),
    name: '',
    masked: 'sk-coc-…1111',
    role: 'inference',
    sealedOnly: false,
    rules: NO_RULES,
    budget: null,
    expires: null,
    revoked: null,
    created: NOW,
    previousUntil: null,
    ...said,
  }
}

/** What every store must do about keys, their budgets, and what is used once. */
export function describeKeys(runtime: string, open: OpenHarness): void {
  describe(`keys on ${runtime}`, () => {
    let harness: Harness
    let ledger: Ledger
    beforeEach(async () => {
      harness = await open({ hosts: 'here' })
      ledger = harness.ledger
      await ledger.commit([mirror(ALICE, 10_000n)])
    })

    const addKey = (said: Partial<StoredKey> = {}): Op => ({
      op: 'add_key',
      account: ALICE,
      key: testKey(said),
    })
    const budget = (said: Partial<KeyBudget>) => addKey({ budget: { ...NO_BUDGET, ...said } })
    const by = (number: number, amount: bigint, at: UnixMs = TUESDAY) =>
      reserve(number, amount, { key: KEY, at })
    const paid = (number: number, tokens: number, at: UnixMs = TUESDAY) =>
      settle(number, tokens, { at })
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

    test('usage adds up by day, model and key, settled just now or long ago', async () => {
      const tomorrow = unixMs(TUESDAY + DAY_MS)
      const other = { terms: OTHER_TERMS, attempt: 2 }
      await ledger.commit([addKey(), by(1, 100n), paid(1, 10), reserve(2, 100n), paid(2, 1)])
      await ledger.commit([{ op: 'maintain', now: later(0) }])
      await ledger.commit([
        reserve(3, 100n, { ...other, key: KEY }),
        settle(3, 2, {
          attempt: 2,
          runner: OTHER_TERMS.runner,
          payee: OTHER_TERMS.payee,
          at: tomorrow,
        }),
        by(4, 100n),
        paid(4, 3),
      ])
      const day = Math.floor(TUESDAY / DAY_MS)
      const report = {
        op: 'usage_report',
        account: ALICE,
        from: day,
        to: day + 1,
        key: null,
      } as const
      const [whole, byDay, byKey, own] = await ledger.commit([
        { ...report, by: [] },
        { ...report, by: ['day'] },
        { ...report, by: ['model', 'key'] },
        { ...report, by: ['day'], key: KEY, to: day },
      ])
      expect(whole.rows).toMatchObject([
        { requests: 4, completion_tokens: 16, cost: 112n, day: null },
      ])
      expect(byDay.rows).toMatchObject([
        { day, requests: 3, cost: 98n },
        { day: day + 1, requests: 1, cost: 14n },
      ])
      expect(byKey.rows).toMatchObject([
        { model: 'cocoon/demo', key: null, cost: 7n },
        { model: 'cocoon/demo', key: KEY, cost: 105n },
      ])
      expect(own.rows).toMatchObject([{ day, requests: 2, cost: 91n }])
      const [empty] = await ledger.commit([{ ...report, by: [], account: BOB }])
      expect(empty.rows).toEqual([])
      await expectSound(ledger)
    })

    test('an account’s movements are its deposits and withdrawals, newest first', async () => {
      await ledger.commit([mirror(ALICE, 10_500n, { seqno: 2 }), mirror(BOB, 7n)])
      await ledger.commit([mirror(ALICE, 10_500n, { paidOut: nano(300n), seqno: 3 })])
      const list = { op: 'list_movements', account: ALICE, limit: 2 } as const
      const [first] = await ledger.commit([{ ...list, before: null }])
      expect(first.movements).toMatchObject([
        { kind: 'withdrawal', amount: -300n },
        { kind: 'deposit', amount: 500n },
      ])
      const [rest] = await ledger.commit([{ ...list, before: first.movements[1]?.id ?? null }])
      expect(rest.movements).toMatchObject([{ kind: 'deposit', amount: 10_000n }])
    })

    test('a nonce is used once, also after a restart, and forgotten when it means nothing any more', async () => {
      const use = { op: 'use_nonce', account: ALICE, nonce: 'n', expires: later(600) } as const
      const [first, again, other] = await ledger.commit([use, use, { ...use, account: BOB }])
      expect([first, again, other]).toEqual([
        { ok: true },
        { ok: false, code: 'used' },
        { ok: true },
      ])
      ledger = await harness.restart()
      expect(await ledger.commit([use])).toEqual([{ ok: false, code: 'used' }])
      await ledger.commit([{ op: 'maintain', now: later(600) }])
      expect(await ledger.commit([use])).toEqual([{ ok: true }])
    })

    test('an idempotency key names the request that took it, open or settled (H21)', async () => {
      const claim = (number: number, fingerprint: string, at = NOW) =>
        ({
          op: 'claim_once',
          account: ALICE,
          name: 'n',
          fingerprint,
          request: request(number),
          expires: later(600),
          at,
        }) as const
      const [taken, early, reused] = await ledger.commit([
        claim(1, 'f'),
        claim(2, 'f'),
        claim(3, 'other'),
      ])
      const first = { ok: false, request: request(1), attempt: 1 }
      expect([taken, early, reused]).toEqual([
        { ok: true },
        { ...first, code: 'repeat', state: 'unknown' },
        { ...first, code: 'reused', state: 'unknown' },
      ])
      await ledger.commit([reserve(1, 100n, { attempt: 2 })])
      expect(await ledger.commit([claim(4, 'f')])).toEqual([
        { ...first, attempt: 2, code: 'repeat', state: 'open' },
      ])
      await ledger.commit([settle(1, 10, { attempt: 2 })])
      ledger = await harness.restart()
      const others = { ...claim(5, 'f'), account: BOB } as const
      expect(await ledger.commit([claim(5, 'f'), others])).toEqual([
        { ...first, attempt: 2, code: 'repeat', state: 'settled' },
        { ok: true },
      ])
      const drop = { op: 'drop_claim', account: ALICE, name: 'n', evenIfHeld: true } as const
      // It was charged: only whoever got an error may try again.
      await ledger.commit([{ ...drop, request: request(1), evenIfHeld: false }])
      await ledger.commit([{ ...drop, request: request(9) }])
      expect(await ledger.commit([claim(5, 'f')])).toMatchObject([{ code: 'repeat' }])
      await ledger.commit([{ ...drop, request: request(1) }])
      expect(await ledger.commit([claim(5, 'f')])).toEqual([{ ok: true }])
      const after = unixMs(NOW + 600_000)
      expect(await ledger.commit([claim(6, 'g', after)])).toEqual([{ ok: true }])
    })

    test('an account that never had money or a request expires, no other one does', async () => {
      const names = ['C', 'D', 'E', 'F'].map((letter) => accountId(letter.repeat(32)))
      const [unfunded, funded, free, newest] = names
      const opened = names.map(
        (account) =>
          ({ op: 'open_account', account, mode: 'managed', keys: null, at: NOW }) as const,
      )
      await ledger.commit(opened)
      if (!unfunded || !funded || !free || !newest) throw new Error('four accounts')
      const gone = { account: funded, key: null }
      await ledger.commit([
        // Money came and went again.
        mirror(funded, 50n),
        mirror(funded, 50n, { paidOut: nano(50n), seqno: 2 }),
        reserve(1, 0n, { account: free }),
        settle(1, 0, { account: free }),
        {
          op: 'add_key',
          account: unfunded,
          key: testKey({ budget: { ...NO_BUDGET, day: nano(1n) } }),
        },
      ])
      const expire = { op: 'expire_accounts', limit: 10 } as const
      const [early] = await ledger.commit([{ ...expire, before: NOW }])
      expect(early.expired).toEqual([])
      const [late] = await ledger.commit([{ ...expire, before: unixMs(NOW + 1) }])
      expect(late.expired).toEqual([unfunded])
      const [key] = await ledger.commit([
        { op: 'find_key', account: unfunded, hash: testKey().hash },
      ])
      expect(key).toEqual({ ok: false, code: 'unknown_key' })
      // Its number is nobody else's: it opens anew, and holds nothing of its neighbours.
      const [first] = opened
      if (first === undefined) throw new Error('four accounts')
      const [again] = await ledger.commit([first])
      expect(again).toEqual({ ok: true, created: true })
      expect(await ledger.commit([reserve(7, 1n, { ...gone, account: unfunded })])).toMatchObject([
        { ok: false, code: 'insufficient_credits' },
      ])
      await expectSound(ledger)
    })

    test('a wallet is found by its links, newest first, and goes with its account', async () => {
      const wallet = tonAddress(`0:${'ee'.repeat(32)}`)
      const other = accountId('C'.repeat(32))
      const at = (ms: number) => unixMs(NOW + ms)
      const link = { op: 'link_wallet', wallet } as const
      const [unknown] = await ledger.commit([{ ...link, account: other, at: NOW }])
      expect(unknown).toEqual({ ok: false, code: 'unknown_account' })
      const open = { op: 'open_account', mode: 'managed', keys: null, at: NOW } as const
      await ledger.commit([
        { ...open, account: other },
        { ...open, account: accountId('D'.repeat(32)) },
        { ...link, account: ALICE, at: at(1) },
        { ...link, account: other, at: at(2) },
        { op: 'point_wallet', wallet, to: other, at: at(2) },
      ])
      const find = { op: 'find_wallet', wallet } as const
      const links = [
        { account: other, at: at(2) },
        { account: ALICE, at: at(1) },
      ]
      const [found, listed] = await ledger.commit([find, { op: 'list_wallets', account: ALICE }])
      expect(found.links).toEqual(links)
      expect(listed.wallets).toEqual([{ wallet, at: at(1) }])
      const expire = { op: 'expire_accounts', before: at(1), limit: 10 } as const
      const unlink = { op: 'unlink_wallet', account: ALICE, wallet } as const
      const [, left, gone, again, none] = await ledger.commit([expire, find, unlink, unlink, find])
      expect(left.links).toEqual(links.slice(1))
      expect([gone.ok, again.ok]).toEqual([true, false])
      expect(none.links).toEqual([])
    })

    test('a low balance makes one event until it is above again', async () => {
      const at = (seconds: number) => unixMs(NOW + seconds * 1000)
      const due = (seconds: number) => ({ op: 'due_webhooks', at: at(seconds), limit: 10 }) as const
      const webhook = { url: 'https://hook.example/x', secretId: 's', threshold: nano(9_000n) }
      await ledger.commit([{ op: 'set_webhook', account: ALICE, webhook, at: NOW }])
      const [quiet, , low, again] = await ledger.commit([due(0), by(1, 1_001n), due(1), due(2)])
      expect(quiet.due).toEqual([])
      const event = { account: ALICE, available: 8_999n, since: at(1), attempts: 0 }
      expect(low.due).toMatchObject([event])
      expect(again.due).toEqual(low.due)
      const name = low.due[0]?.event ?? ''
      const note = { op: 'note_webhook', account: ALICE, event: name } as const
      const [, waiting, retried] = await ledger.commit([
        { ...note, delivered: false, next: at(10) },
        due(9),
        due(10),
      ])
      expect(waiting.due).toEqual([])
      expect(retried.due).toMatchObject([{ ...event, event: name, attempts: 1 }])
      const [, told] = await ledger.commit([{ ...note, delivered: true, next: null }, due(20)])
      expect(told.due).toEqual([])
      const [, , , next] = await ledger.commit([
        mirror(ALICE, 20_000n, { seqno: 2 }),
        due(30),
        by(2, 10_000n),
        due(40),
      ])
      expect(next.due).toMatchObject([{ since: at(40), available: 8_999n }])
      expect(next.due[0]?.event).not.toBe(name)
      const [, read] = await ledger.commit([
        { op: 'set_webhook', account: ALICE, webhook: null, at: NOW },
        { op: 'read_webhook', account: ALICE },
      ])
      expect(read.webhook).toBeNull()
    })
  })
}
