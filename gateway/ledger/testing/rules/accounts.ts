import { beforeEach, describe, expect, test } from 'vitest'
import { unixMs } from '#base/brand.ts'
import { nano } from '#base/nano.ts'
import { accountId, tonAddress } from '../../../db/ids.ts'
import type { Ledger } from '../../port.ts'
import {
  ALICE,
  BOB,
  later,
  mirror,
  NOW,
  OTHER_TERMS,
  request,
  reserve,
  settle,
} from '../fixtures.ts'
import { expectSound, type Harness, type Opened } from '../harness.ts'
import { addKey, by, DAY_MS, KEY, NO_BUDGET, paid, TUESDAY, testKey } from '../key-fixtures.ts'

/** What an account is shown, and what it may do once. */
export function accountRules(opened: Opened): void {
  describe('accounts', () => {
    let harness: Harness
    let ledger: Ledger
    beforeEach(() => {
      harness = opened()
      ledger = harness.ledger
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
  })
}
