import { beforeEach, describe, expect, test } from 'vitest'
import { unixMs } from '#base/brand.ts'
import { nano } from '#base/nano.ts'
import { accountId } from '../../../db/ids.ts'
import type { Ledger } from '../../port.ts'
import { ALICE, DAY_S, HOST, later, mirror, NOW, reserve, settle, TILL } from '../fixtures.ts'
import { balances, expectSound, type Harness, type Opened } from '../harness.ts'

/** An account that leaves. */
export function exitRules(opened: Opened): void {
  describe('exits', () => {
    let harness: Harness
    let ledger: Ledger
    beforeEach(() => {
      harness = opened()
      ledger = harness.ledger
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
      const [closed, early] = await ledger.commit([reserve(2, 100n), { ...final, debit: nano(0n) }])
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

    test('an account with an exit is closed at once, and an older view does not open it again', async () => {
      await ledger.commit([mirror(ALICE, 1_000n, { exitAt: later(DAY_S), seqno: 7 })])
      await ledger.commit([mirror(ALICE, 1_000n, { seqno: 6 })])
      const [closed] = await ledger.commit([reserve(1, 1n)])
      expect(closed).toEqual({ ok: false, code: 'account_closed', available: 1_000n })
      await ledger.commit([mirror(ALICE, 1_000n, { seqno: 8 })])
      expect(await ledger.commit([reserve(1, 1n)])).toMatchObject([{ ok: true }])
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
  })
}
