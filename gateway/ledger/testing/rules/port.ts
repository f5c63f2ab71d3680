import { beforeEach, describe, expect, test } from 'vitest'
import { MAX_COLUMN_NANO } from '#base/nano.ts'
import type { Ledger } from '../../port.ts'
import { BOB, mirror, reserve, settle } from '../fixtures.ts'
import { balances, expectSound, type Harness, type Opened } from '../harness.ts'

/** What a call of the port promises, whatever is in it. */
export function portRules(opened: Opened): void {
  describe('the port', () => {
    let harness: Harness
    let ledger: Ledger
    beforeEach(() => {
      harness = opened()
      ledger = harness.ledger
    })

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
}
