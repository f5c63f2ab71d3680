import { beforeEach, describe, expect, test } from 'vitest'
import { unixMs } from '#base/brand.ts'
import { nano } from '#base/nano.ts'
import { CHEQUE_AHEAD } from '../../cheque.ts'
import type { Ledger } from '../../port.ts'
import { ALICE, BOB, HOST, later, mirror, NOW, reserve, settle, TILL } from '../fixtures.ts'
import { expectSound, type Harness, hostOf, type Opened } from '../harness.ts'

/** What a deposit, a cheque, a charge and a voucher do to the books. */
export function chainRules(opened: Opened): void {
  describe('what the chain says', () => {
    let harness: Harness
    let ledger: Ledger
    beforeEach(() => {
      harness = opened()
      ledger = harness.ledger
    })

    test('a deposit is credited once, however often and in whatever order it is seen', async () => {
      await ledger.commit([mirror(ALICE, 1_500n, { seqno: 5 }), mirror(ALICE, 1_000n)])
      const [again] = await ledger.commit([mirror(ALICE, 1_500n, { seqno: 5 })])
      expect(again).toEqual({ ok: true, credited: 0n, collected: 0n, available: 1_500n })
      await expectSound(ledger)
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
}
