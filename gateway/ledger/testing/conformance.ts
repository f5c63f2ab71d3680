import { beforeEach, describe, expect, test } from 'vitest'
import { nano } from '#base/nano.ts'
import { ALICE, mirror, reserve, settle } from './fixtures.ts'
import { expectSound, type Harness, hostOf, type OpenHarness } from './harness.ts'
import { accountRules } from './rules/accounts.ts'
import { budgetRules } from './rules/budgets.ts'
import { chainRules } from './rules/chain.ts'
import { exitRules } from './rules/exits.ts'
import { keyRules } from './rules/keys.ts'
import { portRules } from './rules/port.ts'
import { requestRules } from './rules/requests.ts'
import { webhookRules } from './rules/webhooks.ts'

/** Rules that start from one account with so much credit. */
const GROUPS = [
  {
    what: 'ledger',
    credit: 1_000n,
    rules: [requestRules, chainRules, exitRules, keyRules, portRules],
  },
  { what: 'keys', credit: 10_000n, rules: [budgetRules, accountRules, webhookRules] },
]

/** What every store behind the port must do, whatever runs it. */
export function describeLedger(runtime: string, open: OpenHarness): void {
  describe.each(GROUPS)(`$what on ${runtime}`, ({ credit, rules }) => {
    let harness: Harness
    beforeEach(async () => {
      harness = await open({ hosts: 'here' })
      await harness.ledger.commit([mirror(ALICE, credit)])
    })
    for (const describeRules of rules) describeRules(() => harness)
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
}
