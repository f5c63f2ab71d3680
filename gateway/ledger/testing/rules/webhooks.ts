import { beforeEach, describe, expect, test } from 'vitest'
import { unixMs } from '#base/brand.ts'
import { nano } from '#base/nano.ts'
import type { Ledger } from '../../port.ts'
import { ALICE, mirror, NOW } from '../fixtures.ts'
import type { Opened } from '../harness.ts'
import { by } from '../key-fixtures.ts'

/** When an account is told that its balance is low. */
export function webhookRules(opened: Opened): void {
  describe('webhooks', () => {
    let ledger: Ledger
    beforeEach(() => {
      ledger = opened().ledger
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
