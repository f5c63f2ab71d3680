import { beforeEach, describe, expect, test } from 'vitest'
import { unixMs } from '#base/brand.ts'
import { MAX_COLUMN_NANO, nano } from '#base/nano.ts'
import { accountId, keyId } from '../../db/ids.ts'
import { CHEQUE_AHEAD } from '../cheque.ts'
import type { CoreOptions } from '../core.ts'
import { NO_RULES } from '../key-rules.ts'
import { LATE_RECEIPT_S } from '../maintain.ts'
import type { AccountState, Ledger, StoredKey } from '../port.ts'
import {
  ALICE,
  BOB,
  DAY_S,
  DEADLINE,
  HOST,
  later,
  mirror,
  NOW,
  OTHER_HOST,
  OTHER_TERMS,
  request,
  reserve,
  settle,
  TERMS,
  TILL,
} from './fixtures.ts'

/** A ledger on an empty store of some runtime. */
export interface Harness {
  readonly ledger: Ledger
  /** The same store after the process ended and began again. */
  restart(): Promise<Ledger>
}

export type OpenHarness = (options: CoreOptions) => Promise<Harness>

export async function stateOf(ledger: Ledger, account = ALICE): Promise<AccountState> {
  const [read] = await ledger.commit([{ op: 'read_account', account }])
  if (!read.ok) throw new Error(read.code)
  return read.account
}

export async function expectSound(ledger: Ledger): Promise<void> {
  const [audit] = await ledger.commit([{ op: 'audit' }])
  expect(audit.broken).toEqual([])
}

async function balances(ledger: Ledger, account = ALICE): Promise<[bigint, bigint]> {
  const { available, held } = await stateOf(ledger, account)
  return [available, held]
}

async function hostOf(ledger: Ledger, payee = HOST) {
  const [read] = await ledger.commit([{ op: 'read_host', payee }])
  const { payee: _, ...state } = read.host
  return state
}

/** What every store behind the port must do, whatever runs it. */
export function describeLedger(runtime: string, open: OpenHarness): void {
  describe(`ledger on ${runtime}`, () => {
    let harness: Harness
    let ledger: Ledger
    beforeEach(async () => {
      harness = await open({ hosts: 'here' })
      ledger = harness.ledger
      await ledger.commit([mirror(ALICE, 1_000n)])
    })

    describe('requests', () => {
      test('a hold is taken from what is available, and only once per attempt', async () => {
        expect(await ledger.commit([reserve(1, 600n)])).toMatchObject([
          { ok: true, available: 400n },
        ])
        expect(await ledger.commit([reserve(1, 600n)])).toMatchObject([
          { ok: true, available: 400n },
        ])
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

    describe('what the chain says', () => {
      test('a deposit is credited once, however often and in whatever order it is seen', async () => {
        await ledger.commit([mirror(ALICE, 1_500n, { seqno: 5 }), mirror(ALICE, 1_000n)])
        const [again] = await ledger.commit([mirror(ALICE, 1_500n, { seqno: 5 })])
        expect(again).toEqual({ ok: true, credited: 0n, collected: 0n, available: 1_500n })
        await expectSound(ledger)
      })

      test('carries so many orders of an account a day, and any that its owner paid for on chain', async () => {
        await ledger.commit([mirror(ALICE, 1_000n)])
        const said = { op: 'order_exit', account: ALICE, till: TILL, nonce: 0 } as const
        const order = { to: HOST, signature: 'aa' }
        const close = { op: 'close_exit', account: ALICE } as const
        const cycle = async (at = NOW) =>
          (await ledger.commit([{ ...said, order, at }, { ...said, order, at }, close]))[0]
        for (let i = 0; i < 3; i++) expect(await cycle()).toEqual({ ok: true })
        expect(await cycle()).toEqual({ ok: false, code: 'too_often' })
        expect(await ledger.commit([{ ...said, order: null, at: NOW }, close])).toMatchObject([
          { ok: true },
          { ok: true },
        ])
        expect(await cycle(unixMs(NOW + 86_400_000))).toEqual({ ok: true })
      })

      test('an ordered exit closes the account, and its final debit covers everything settled', async () => {
        const { ledger } = harness
        const order = { to: HOST, signature: 'aa' }
        const exit = {
          op: 'order_exit',
          account: ALICE,
          till: TILL,
          order,
          nonce: 0,
          at: NOW,
        } as const
        const final = { op: 'sign_final', account: ALICE, nonce: 1, signature: 'bb' } as const
        const stranger = accountId('C'.repeat(32))
        const [unknown] = await ledger.commit([{ ...exit, account: stranger }])
        expect(unknown).toEqual({ ok: false, code: 'unknown_account' })
        await ledger.commit([mirror(ALICE, 1_000n), reserve(1, 100n)])
        expect(await ledger.commit([exit, exit])).toEqual([{ ok: true }, { ok: true }])
        const [other] = await ledger.commit([{ ...exit, nonce: 1 }])
        expect(other).toEqual({ ok: false, code: 'exit_ordered' })
        const [closed, early] = await ledger.commit([
          reserve(2, 100n),
          { ...final, debit: nano(0n) },
        ])
        expect(closed).toMatchObject({ ok: false, code: 'account_closed' })
        expect(early).toEqual({ ok: false, code: 'unsettled' })
        // What was under way is still charged.
        const [settled, short, whole] = await ledger.commit([
          settle(1, 10),
          { ...final, debit: nano(69n) },
          { ...final, debit: nano(70n) },
        ])
        expect(settled).toMatchObject({ ok: true, cost: 70n })
        expect(short).toEqual({ ok: false, code: 'unsettled' })
        expect(whole).toEqual({ ok: true })
        const [{ exit: kept }] = await (await harness.restart()).commit([
          { op: 'read_exit', account: ALICE },
        ])
        expect(kept?.final).toEqual({ nonce: 1, debit: 70n, signature: 'bb' })
        await ledger.commit([{ op: 'close_exit', account: ALICE }])
        const [open] = await ledger.commit([reserve(3, 100n)])
        expect(open).toMatchObject({ ok: true })
      })

      test('an account lists its own movements, newest first, and nobody else’s', async () => {
        const { ledger } = harness
        await ledger.commit([mirror(ALICE, 1_000n)])
        await ledger.commit([mirror(ALICE, 1_500n, { paidOut: nano(300n), seqno: 2 })])
        const list = async (before: number | null, limit = 10) => {
          const [listed] = await ledger.commit([
            { op: 'list_movements', account: ALICE, before, limit },
          ])
          return listed.movements
        }
        const all = await list(null)
        expect(all.map(({ kind, amount }) => [kind, amount])).toEqual([
          ['withdrawal', -300n],
          ['deposit', 500n],
          ['deposit', 1_000n],
        ])
        expect(await list(all[0]?.id ?? 0, 1)).toEqual([all[1]])
      })

      test('an account with an exit is closed at once, and an older view does not open it again', async () => {
        await ledger.commit([mirror(ALICE, 1_000n, { exitAt: later(DAY_S), seqno: 7 })])
        await ledger.commit([mirror(ALICE, 1_000n, { seqno: 6 })])
        const [closed] = await ledger.commit([reserve(1, 1n)])
        expect(closed).toEqual({ ok: false, code: 'account_closed', available: 1_000n })
        await ledger.commit([mirror(ALICE, 1_000n, { seqno: 8 })])
        expect(await ledger.commit([reserve(1, 1n)])).toMatchObject([{ ok: true }])
      })

      test('a managed account spends no more than the meter may still charge today (H4)', async () => {
        const cap = { left: nano(150n), daily: nano(200n), resets: later(3_600) }
        await ledger.commit([mirror(ALICE, 1_000n, { cap, seqno: 2 })])
        await ledger.commit([reserve(1, 100n), settle(1, 10)])
        const [over] = await ledger.commit([reserve(2, 81n)])
        expect(over).toEqual({ ok: false, code: 'daily_cap', available: 930n })
        expect(await ledger.commit([reserve(2, 80n)])).toMatchObject([{ ok: true }])
        const tomorrow = unixMs(NOW + 3_600_000)
        const [next] = await ledger.commit([reserve(3, 50n, { at: tomorrow })])
        expect(next).toMatchObject({ ok: true })
        const [above] = await ledger.commit([reserve(4, 1n, { at: tomorrow })])
        expect(above).toMatchObject({ ok: false, code: 'daily_cap' })
      })

      test('a sovereign account is served while less than one hold is uncovered by its cheques', async () => {
        await ledger.commit([mirror(BOB, 1_000n, { mode: 'sovereign' })])
        const bob = { account: BOB }
        expect(await ledger.commit([reserve(1, 100n, bob), settle(1, 14, bob)])).toMatchObject([
          { ok: true },
          { ok: true, cost: 98n },
        ])
        await ledger.commit([reserve(2, 100n, bob), settle(2, 14, bob)])
        const [due] = await ledger.commit([reserve(3, 100n, bob)])
        expect(due).toEqual({ ok: false, code: 'cheque_due', available: 804n })
        const cheque = {
          op: 'accept_cheque',
          account: BOB,
          feeBps: 500,
          signature: '00',
          at: NOW,
        } as const
        const results = await ledger.commit([
          { ...cheque, cumulative: nano(1_001n) },
          { ...cheque, cumulative: nano(196n) },
          { ...cheque, cumulative: nano(100n) },
          reserve(3, 100n, bob),
        ])
        expect(results).toEqual([
          { ok: false, code: 'above_credit' },
          { ok: true, cumulative: 196n },
          { ok: true, cumulative: 196n },
          { ok: true, available: 704n },
        ])
      })

      test('a cheque far beyond what was used is not taken; what it collects ahead, little as it is, is spent later', async () => {
        const of = { mode: 'sovereign' } as const
        await ledger.commit([mirror(BOB, 5n * CHEQUE_AHEAD, of)])
        const bob = { account: BOB }
        await ledger.commit([reserve(1, 100n, bob), settle(1, 10, bob), reserve(2, 80n, bob)])
        const cheque = { op: 'accept_cheque', account: BOB, feeBps: 500, signature: '00' } as const
        const most = nano(70n + 80n + CHEQUE_AHEAD)
        const results = await ledger.commit([
          { ...cheque, cumulative: nano(most + 1n), at: NOW },
          { ...cheque, cumulative: most, at: NOW },
        ])
        expect(results).toEqual([
          { ok: false, code: 'above_used' },
          { ok: true, cumulative: most },
        ])
        // Collected ahead: the account is served on, and its use is a host's at once.
        const debited = async (debit: bigint, seqno: number) =>
          ledger.commit([
            mirror(BOB, 5n * CHEQUE_AHEAD, { ...of, debit: nano(debit), seqno }),
            reserve(seqno, 1n, bob),
          ])
        expect((await debited(70n + CHEQUE_AHEAD, 3))[1]).toMatchObject({ ok: true })
        const [before, , after] = await ledger.commit([
          { op: 'read_host', payee: HOST },
          settle(2, 5, bob),
          { op: 'read_host', payee: HOST },
        ])
        expect(after.host.collected - before.host.collected).toBe(
          after.host.earned - before.host.earned,
        )
        expect(after.host.collected).toBeGreaterThan(before.host.collected)
        // Beyond that somebody else debited it (M16), or its owner did past us.
        expect((await debited(200n + CHEQUE_AHEAD, 4))[1]).toMatchObject({ code: 'account_closed' })
        await expectSound(ledger)
      })

      test('an exit that takes out uncharged usage leaves a debt, which the next deposit repays first', async () => {
        await ledger.commit([reserve(1, 100n), settle(1, 10), reserve(2, 50n)])
        await ledger.commit([mirror(ALICE, 1_000n, { paidOut: nano(1_000n), seqno: 2 })])
        expect(await balances(ledger)).toEqual([0n, 50n])
        await expectSound(ledger)
        await ledger.commit([settle(2, 1)])
        expect(await balances(ledger)).toEqual([0n, 0n])
        await expectSound(ledger)
        const [mirrored] = await ledger.commit([
          mirror(ALICE, 1_200n, { paidOut: nano(1_000n), seqno: 3 }),
        ])
        expect(mirrored).toMatchObject({ credited: 200n, available: 123n })
        await expectSound(ledger)
      })

      test('vouchers cover only settlements whose debit the Till has collected whole (H1)', async () => {
        await ledger.commit([reserve(1, 100n), settle(1, 10), reserve(2, 100n), settle(2, 10)])
        const voucher = {
          op: 'record_voucher',
          till: TILL,
          payee: HOST,
          signature: '00',
          at: NOW,
        } as const
        const [early] = await ledger.commit([{ ...voucher, cumulative: nano(63n) }])
        expect(early).toEqual({ ok: false, code: 'above_collected' })
        await ledger.commit([mirror(ALICE, 1_000n, { debit: nano(139n), seqno: 2 })])
        expect((await hostOf(ledger)).collected).toBe(63n)
        const [over, right] = await ledger.commit([
          { ...voucher, cumulative: nano(64n) },
          { ...voucher, cumulative: nano(63n) },
        ])
        expect([over, right]).toEqual([{ ok: false, code: 'above_collected' }, { ok: true }])
        await ledger.commit([mirror(ALICE, 1_000n, { debit: nano(140n), seqno: 3 })])
        await ledger.commit([{ op: 'mirror_host', payee: HOST, redeemed: nano(63n), at: NOW }])
        expect(await hostOf(ledger)).toEqual({
          earned: 126n,
          collected: 126n,
          vouchered: 63n,
          redeemed: 63n,
        })
        await expectSound(ledger)
      })

      test('a charge asks for settled usage only, and is stored whole or not at all', async () => {
        await ledger.commit([mirror(BOB, 100n), reserve(1, 100n), settle(1, 10)])
        const paper = { till: TILL, batch: '', signature: '00', at: NOW }
        const charge = { op: 'record_charge', ...paper } as const
        const results = await ledger.commit([
          {
            ...charge,
            items: [
              { account: ALICE, cumulative: nano(70n) },
              { account: BOB, cumulative: nano(1n) },
            ],
          },
          { ...charge, items: [{ account: ALICE, cumulative: nano(70n) }] },
        ])
        expect(results).toEqual([
          { ok: false, code: 'above_settled' },
          { ok: true, charge: 1 },
        ])
      })

      test('an account that the chain debited beyond our books is closed until receipts explain it (M16)', async () => {
        await ledger.commit([reserve(1, 100n)])
        await ledger.commit([mirror(ALICE, 1_000n, { debit: nano(70n), seqno: 2 })])
        const [closed] = await ledger.commit([reserve(2, 10n)])
        expect(closed).toMatchObject({ ok: false, code: 'account_closed' })
        await ledger.commit([settle(1, 10)])
        expect(await ledger.commit([reserve(2, 10n)])).toMatchObject([{ ok: true }])
        expect((await hostOf(ledger)).collected).toBe(63n)
        await expectSound(ledger)
      })

      test('the cursor moves from where it stands only, with the events that it passed', async () => {
        const first = { lt: 10n, hash: 'a' }
        const event = {
          lt: 10n,
          hash: 'a',
          kind: 'deposit',
          account: ALICE,
          sender: null,
          value: nano(5n),
          reason: null,
          time: later(0),
        } as const
        const advance = { op: 'advance_cursor', address: TILL, events: [] } as const
        const results = await ledger.commit([
          { ...advance, from: null, to: first, events: [event] },
          { ...advance, from: null, to: first, events: [event] },
          { ...advance, from: { lt: 10n, hash: 'b' }, to: { lt: 11n, hash: 'c' } },
          { ...advance, from: first, to: { lt: 11n, hash: 'c' } },
        ])
        const moved = { ok: false, code: 'moved' }
        expect(results).toEqual([{ ok: true }, moved, moved, { ok: true }])
      })
    })

    describe('keys', () => {
      const key: StoredKey = {
        id: keyId(`key_${'0'.repeat(20)}`),
        hash: 'ab'.repeat(32),
        name: 'laptop',
        masked: 'sk-coc-…wxyz',
        role: 'inference',
        sealedOnly: false,
        rules: NO_RULES,
        budget: null,
        expires: null,
        revoked: null,
        created: NOW,
        previousUntil: null,
      }

      test('a key is found by its hash within its own account only', async () => {
        const [added, unowned] = await ledger.commit([
          { op: 'add_key', account: ALICE, key },
          { op: 'add_key', account: BOB, key },
        ])
        expect([added, unowned]).toEqual([{ ok: true }, { ok: false, code: 'unknown_account' }])
        const [own, foreign] = await ledger.commit([
          { op: 'find_key', account: ALICE, hash: key.hash },
          { op: 'find_key', account: BOB, hash: key.hash },
        ])
        expect(own).toEqual({ ok: true, key, mode: 'managed', previous: false })
        expect(foreign).toEqual({ ok: false, code: 'unknown_key' })
      })

      test('a key revoked once stays revoked as of then', async () => {
        await ledger.commit([{ op: 'add_key', account: ALICE, key }])
        const change = { op: 'change_key', account: ALICE, id: key.id, at: NOW } as const
        const [, , renamed] = await ledger.commit([
          { ...change, revoked: NOW },
          { ...change, revoked: unixMs(NOW + 1) },
          { ...change, name: 'desk', sealedOnly: true },
          { ...change, account: BOB, name: 'stolen' },
        ])
        const expected = { ...key, name: 'desk', sealedOnly: true, revoked: NOW }
        expect(renamed).toEqual({ ok: true, key: expected })
        const [list] = await ledger.commit([{ op: 'list_keys', account: ALICE }])
        expect(list.keys).toEqual([expected])
      })
    })

    describe('the port', () => {
      test('a call that throws takes back all of itself and nothing of its neighbours', async () => {
        const tooLarge = mirror(BOB, MAX_COLUMN_NANO + 1n)
        const outcomes = await Promise.allSettled([
          ledger.commit([reserve(1, 100n)]),
          ledger.commit([reserve(2, 100n), tooLarge]),
          ledger.commit([reserve(3, 100n)]),
        ])
        expect(outcomes.map((o) => o.status)).toEqual(['fulfilled', 'rejected', 'fulfilled'])
        expect(await balances(ledger)).toEqual([800n, 200n])
        expect(await ledger.commit([reserve(2, 100n)])).toMatchObject([{ ok: true }])
        await expectSound(ledger)
      })

      test('the largest amount a column may hold keeps every digit', async () => {
        await ledger.commit([mirror(BOB, MAX_COLUMN_NANO)])
        const all = reserve(1, MAX_COLUMN_NANO, { account: BOB })
        expect(await ledger.commit([all])).toMatchObject([{ ok: true }])
        expect(await balances(ledger, BOB)).toEqual([0n, MAX_COLUMN_NANO])
        await expectSound(ledger)
      })

      test('sums beyond a column are added exactly', async () => {
        await ledger.commit([mirror(BOB, MAX_COLUMN_NANO)])
        const [audit] = await ledger.commit([{ op: 'audit' }])
        expect(audit.available).toBe(MAX_COLUMN_NANO + 1_000n)
      })

      test('a restart remembers holds, settlements not yet indexed, and terms', async () => {
        await ledger.commit([reserve(1, 100n), reserve(2, 100n), settle(1, 10)])
        const again = await harness.restart()
        const [twice, resettled, settled] = await again.commit([
          reserve(1, 100n),
          settle(1, 10),
          settle(2, 10),
        ])
        expect(twice).toMatchObject({ ok: false, code: 'duplicate' })
        expect(resettled).toMatchObject({ ok: true, duplicate: true, cost: 70n })
        expect(settled).toMatchObject({ ok: true, duplicate: false, cost: 70n })
        await expectSound(again)
      })
    })

    test('across two stores shares wait in the outbox and arrive once, however often they are sent', async () => {
      const account = await open({ hosts: 'outbox' })
      const host = await open({ hosts: 'outbox' })
      await account.ledger.commit([mirror(ALICE, 1_000n)])
      await account.ledger.commit([reserve(1, 100n), settle(1, 10)])
      await account.ledger.commit([mirror(ALICE, 1_000n, { debit: nano(70n), seqno: 2 })])
      await expectSound(account.ledger)
      const [{ entries }] = await account.ledger.commit([{ op: 'read_outbox', limit: 10 }])
      const apply = { op: 'apply_outbox', entries } as const
      const sent = await host.ledger.commit([apply, apply])
      expect(sent).toEqual([
        { ok: true, applied: 2 },
        { ok: true, applied: 0 },
      ])
      const ack = { op: 'ack_outbox', keys: entries.map(({ key }) => key) } as const
      await account.ledger.commit([ack, ack])
      expect(await hostOf(host.ledger)).toMatchObject({ earned: 63n, collected: 63n })
      const [left] = await account.ledger.commit([{ op: 'read_outbox', limit: 10 }])
      expect(left.entries).toEqual([])
      await expectSound(account.ledger)
      await expectSound(host.ledger)
    })
  })
}
