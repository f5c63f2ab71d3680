import { expect, test } from 'vitest'
import { type AccountId, accountId } from '../../db/ids.ts'
import type { Ledger } from '../port.ts'
import { mirror, reserve, settle } from './fixtures.ts'

const ACCOUNTS = 500
const CREDIT = 10_000n
const HELD = 100n
const OPENED_AT_ONCE = 20
/** Ten times what 500 Durable Objects take. */
const PATIENCE_MS = 180_000

const ALPHABET = '0123456789ABCDEFGHJKMNPQRSTVWXYZ'

/** Spread over the first characters, as hashes are. */
export function manyAccounts(count: number): readonly AccountId[] {
  return Array.from({ length: count }, (_, i) => {
    const digits = [i % 32, Math.floor(i / 32) % 32].map((digit) => ALPHABET[digit]).join('')
    return accountId(`0${digits}`.padEnd(32, 'Z'))
  })
}

/** What must be exact when all of it happens at once, whatever keeps the books. */
export function describeParallel(name: string, open: () => Promise<Ledger>): void {
  test(`${name}: 500 accounts at once, each exact to the nanoTON`, {
    timeout: PATIENCE_MS,
  }, async () => {
    const ledger = await open()
    const accounts = manyAccounts(ACCOUNTS)
    // Opened a few at a time: workerd gives an object 30 seconds to be there, however many come at once.
    for (let i = 0; i < ACCOUNTS; i += OPENED_AT_ONCE) {
      const few = accounts.slice(i, i + OPENED_AT_ONCE)
      await Promise.all(few.map((account) => ledger.commit([mirror(account, CREDIT)])))
    }
    await Promise.all(
      accounts.map(async (account, i) => {
        const [reserved] = await ledger.commit([reserve(i, HELD, { account })])
        expect(reserved.ok).toBe(true)
        await ledger.commit([settle(i, 1 + (i % 10), { account })])
      }),
    )
    for (const [i, account] of accounts.entries()) {
      const [read] = await ledger.commit([{ op: 'read_account', account }])
      const cost = BigInt(7 * (1 + (i % 10)))
      expect(read).toMatchObject({
        ok: true,
        account: { available: CREDIT - cost, held: 0n, settled: cost },
      })
    }
  })

  test(`${name}: 500 requests of one account at once hold no more than it has`, async () => {
    const ledger = await open()
    const [account = accountId('')] = manyAccounts(ACCOUNTS + 1).slice(-1)
    await ledger.commit([mirror(account, CREDIT)])
    const reserved = await Promise.all(
      Array.from({ length: 500 }, async (_, i) => {
        const [result] = await ledger.commit([reserve(10_000 + i, HELD, { account })])
        return result.ok
      }),
    )
    expect(reserved.filter(Boolean)).toHaveLength(Number(CREDIT / HELD))
    await Promise.all(
      reserved.map(async (ok, i) => {
        if (ok) await ledger.commit([settle(10_000 + i, 10, { account })])
      }),
    )
    const [read] = await ledger.commit([{ op: 'read_account', account }])
    expect(read).toMatchObject({
      account: { available: CREDIT - 100n * 70n, held: 0n, settled: 7_000n },
    })
  })
}
