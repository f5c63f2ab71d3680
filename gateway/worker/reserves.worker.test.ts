import { runDurableObjectAlarm, runInDurableObject } from 'cloudflare:test'
import { env } from 'cloudflare:workers'
import { expect, test } from 'vitest'
import { unixMs } from '#base/brand.ts'
import { webSha256 } from '#contracts'
import { verifyReservesProof } from '#protocol'
import { workerdProvider } from '#protocol/workerd'
import type { AccountId } from '../db/ids.ts'
import { ALICE, BOB, mirror, reserve, settle } from '../ledger/testing/fixtures.ts'
import { manyAccounts } from '../ledger/testing/parallel.ts'
import type { ReservesSnapshot } from '../money/reserves.ts'
import { ledgerOf } from './ledger-of.ts'
import { objectReserves } from './object-reserves.ts'
import { objectsOf } from './objects.ts'

const objects = objectsOf(env)
const ledger = ledgerOf(objects)
const { hashes } = workerdProvider
const keys = { hashes, salts: hashes.macKey(new Uint8Array(32).fill(7)) }
let now = 1_000_000

/** A new one each time: nothing is fresh that was taken before. */
function snapshot(): Promise<ReservesSnapshot> {
  now += 1_000_000
  return runInDurableObject(env.MARKET.getByName('market'), (_, { storage }) =>
    objectReserves({
      objects,
      kv: storage.kv,
      keys,
      totals: async () => undefined,
      clock: () => unixMs(now),
      background: () => {},
    }).snapshot(),
  )
}

const deliver = (account: AccountId) =>
  runDurableObjectAlarm(env.LEDGER.getByName(`acct:${account}`))

test('a proof of reserves counts each share once, whether it has reached its host or not', async () => {
  await ledger.commit([mirror(ALICE, 1_000n)])
  await ledger.commit([mirror(BOB, 500n)])
  await ledger.commit([reserve(1, 100n), settle(1, 10)])
  // 70 were spent: 63 are the host's and 7 the operator's, and another 50 are held.
  await ledger.commit([reserve(2, 50n)])
  const owed = { accounts: 1_430n, hosts: 63n, losses: 0n }
  expect((await snapshot()).liabilities).toEqual(owed)
  await deliver(ALICE)
  const after = await snapshot()
  expect(after).toMatchObject({ liabilities: owed, count: 2, sum: 1_430n })
})

test('every account, in whatever part it is, proves its balance under the one root', async () => {
  const accounts = manyAccounts(40)
  for (const account of accounts) await ledger.commit([mirror(account, 10n)])
  const taken = await snapshot()
  expect(taken.count).toBeGreaterThanOrEqual(40)
  for (const account of accounts) {
    const proof = await taken.proofFor(account)
    if (proof === undefined) throw new Error('no proof')
    expect(proof).toMatchObject({ account, balance: 10n, root: taken.root, sum: taken.sum })
    expect(await verifyReservesProof(proof, webSha256)).toBe(true)
    const forged = { ...proof, path: proof.path.slice(1) }
    expect(await verifyReservesProof(forged, webSha256)).toBe(false)
  }
  const [stranger = ALICE] = manyAccounts(100).slice(-1)
  expect(await taken.proofFor(stranger)).toBeUndefined()
})
