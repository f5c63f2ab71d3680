import {
  abortAllDurableObjects,
  evictDurableObject,
  runDurableObjectAlarm,
  runInDurableObject,
  SELF,
} from 'cloudflare:test'
import { env } from 'cloudflare:workers'
import { expect, test, vi } from 'vitest'
import { unixMs } from '#base/brand.ts'
import { nano } from '#base/nano.ts'
import { type AccountId, accountId, tonAddress } from '../db/ids.ts'
import { LedgerError } from '../ledger/errors.ts'
import { ALICE, BOB, HOST, mirror, reserve, settle } from '../ledger/testing/fixtures.ts'
import { describeParallel, manyAccounts } from '../ledger/testing/parallel.ts'
import { auditObjects } from './audit-objects.ts'
import { cashierOrders } from './cashier-orders.ts'
import { ledgerOf } from './ledger-of.ts'
import { listLedgers } from './list-ledgers.ts'
import { objectStore } from './object-store.ts'
import { type LedgerRpc, objectsOf } from './objects.ts'

const objects = objectsOf(env)
const ledger = ledgerOf(objects)
const stubOf = (account: AccountId) => env.LEDGER.getByName(`acct:${account}`)

test('an object that is evicted, or crashes, in the middle of a request loses nothing', async () => {
  await ledger.commit([mirror(ALICE, 1_000n)])
  await ledger.commit([reserve(50_001, 100n), reserve(50_002, 100n)])
  await evictDurableObject(stubOf(ALICE))
  await ledger.commit([settle(50_001, 10)])
  await abortAllDurableObjects()
  const [again] = await ledger.commit([settle(50_001, 10)])
  expect(again).toMatchObject({ ok: true, duplicate: true, cost: 70n })
  await ledger.commit([settle(50_002, 10)])
  const [read] = await ledger.commit([{ op: 'read_account', account: ALICE }])
  expect(read).toMatchObject({ account: { available: 860n, held: 0n, settled: 140n } })
})

describeParallel('Durable Objects', async () => ledger)

test('an audit visits every object, page by page, and the shares under way add up', async () => {
  const accounts = manyAccounts(500)
  // Some of the shares are delivered, the others still wait.
  for (const account of accounts.slice(0, 20)) await runDurableObjectAlarm(stubOf(account))
  let [after, seen, earned, settled] = ['', 0, 0n, 0n]
  let sent = 0n
  for (let next: string | null = ''; next !== null; after = next ?? '') {
    const page = await auditObjects(objects, after)
    expect(page.broken).toEqual([])
    seen += page.accounts
    earned += page.hosts + page.fees
    settled += page.clearing
    sent += page.sent
    next = page.next
  }
  const [{ host }] = await ledger.commit([{ op: 'read_host', payee: HOST }])
  expect(seen).toBeGreaterThanOrEqual(500)
  expect(host.earned).toBeGreaterThan(0n)
  expect(earned).toBeGreaterThanOrEqual(host.earned)
  expect(settled).toBeGreaterThan(0n)
  expect(sent).toBe(0n)
})

test('a commit shortly before the retry of a slow alarm is seen to by that retry', async () => {
  const account = accountId('S'.repeat(32))
  await ledger.commit([mirror(account, 1_000n)])
  await ledger.commit([reserve(59_001, 100n, { account })])
  await ledger.commit([settle(59_001, 10, { account })])
  await runInDurableObject(stubOf(account), async (object, state) => {
    const began = Date.now()
    const set = vi.spyOn(state.storage, 'setAlarm')
    // Sound: the class of worker.ts has both.
    const { alarm, commit } = object as unknown as { alarm(): Promise<void> } & LedgerRpc
    const ending = alarm.call(object)
    // Its delivery goes to another object: until then the clock goes on to just before the retry.
    await vi.waitFor(() => expect(set).toHaveBeenCalled())
    const clock = vi.spyOn(Date, 'now').mockReturnValue(began + 9_900)
    await commit.call(object, [reserve(59_002, 100n, { account })])
    await ending
    clock.mockRestore()
    const alarmAt = await state.storage.getAlarm()
    expect(alarmAt).not.toBeNull()
    expect(Number(alarmAt) - began).toBeLessThanOrEqual(11_000)
  })
})

test('an outbox longer than one delivery reaches its host whole', async () => {
  const before = await earned()
  await ledger.commit([mirror(BOB, 100_000n)])
  const used = Array.from({ length: 200 }, (_, i) => [
    reserve(60_000 + i, 100n, { account: BOB }),
    settle(60_000 + i, 10, { account: BOB }),
  ])
  await ledger.commit(used.flat())
  for (let delivery = 0; delivery < 3; delivery++) await runDurableObjectAlarm(stubOf(BOB))
  expect((await earned()) - before).toBe(200n * 63n)
})

async function earned(): Promise<bigint> {
  const [{ host }] = await ledger.commit([{ op: 'read_host', payee: HOST }])
  return host.earned
}

test('an order to leave reaches the cashier by the alarm, once it is over it is asked for no more', async () => {
  const till = tonAddress(`0:${'7a'.repeat(32)}`)
  const [account = ALICE] = manyAccounts(2_000).slice(-1)
  const order = { to: HOST, signature: 'ab'.repeat(64) }
  const cashier = env.CASHIER.getByName('cashier')
  const orders = () =>
    runInDurableObject(cashier, (_, { storage }) =>
      cashierOrders(objectStore(storage), ledger, till, () => 0),
    )
  await ledger.commit([mirror(account, 1_000n)])
  const ordered = { op: 'order_exit', account, till, order, nonce: 0 } as const
  await ledger.commit([{ ...ordered, at: unixMs(1) }])
  expect(await orders()).toEqual([])
  await runDurableObjectAlarm(stubOf(account))
  expect(await orders()).toMatchObject([{ account, to: HOST, nonce: 0 }])
  await ledger.commit([{ op: 'close_exit', account }])
  expect(await orders()).toEqual([])
  // The same owner may leave again.
  await ledger.commit([{ ...ordered, at: unixMs(2) }])
  await runDurableObjectAlarm(stubOf(account))
  expect(await orders()).toMatchObject([{ account, at: 2 }])
})

test('asking for ledgers that nobody wrote to leaves nothing behind (M17)', async () => {
  const payee = tonAddress(`0:${'ee'.repeat(32)}`)
  const [{ host }] = await ledger.commit([{ op: 'read_host', payee }])
  expect(host).toMatchObject({ earned: 0n, redeemed: 0n })
  const account = manyAccounts(1_000).at(-1) ?? ALICE
  const [read] = await ledger.commit([{ op: 'read_account', account }])
  expect(read).toEqual({ ok: false, code: 'unknown_account' })
  const [key] = await ledger.commit([{ op: 'find_key', account, hash: 'ab'.repeat(32) }])
  expect(key).toEqual({ ok: false, code: 'unknown_key' })
  for (const name of [`host:${payee}`, `acct:${account}`]) {
    const tables = await runInDurableObject(env.LEDGER.getByName(name), (_, { storage }) =>
      storage.sql.exec('SELECT name FROM sqlite_master').toArray(),
    )
    expect(tables).toEqual([])
  }
  const { names } = await listLedgers(objects, '', 10_000)
  expect(names).not.toContain(`acct:${account}`)
  expect(names).not.toContain(`host:${payee}`)
})

test('a ledger that fails in its object is one that is not available, as everywhere', async () => {
  const [account = ALICE] = manyAccounts(7_000).slice(-1)
  const failing = ledger.commit([mirror(account, 5n, { seqno: 0.5 })])
  const error = await failing.catch((thrown: unknown) => thrown)
  expect(error).toBeInstanceOf(LedgerError)
  expect(error).toMatchObject({ code: 'unavailable' })
})

test('an account that never had money ends after a week, and its name with it', async () => {
  const [account = ALICE, funded = BOB] = manyAccounts(3_000).slice(-2)
  const opened = { op: 'open_account', mode: 'managed', keys: null } as const
  const week = 7 * 86_400_000
  const young = unixMs(Date.now() - week + 60_000)
  for (const id of [account, funded]) await ledger.commit([{ ...opened, account: id, at: young }])
  await ledger.commit([mirror(funded, 1_000n)])
  const alarmOf = (id: AccountId) =>
    runInDurableObject(stubOf(id), (_, { storage }) => storage.getAlarm())
  for (const id of [account, funded]) await runDurableObjectAlarm(stubOf(id))
  expect(await alarmOf(account)).toBe(young + week)
  expect(await alarmOf(funded)).toBeNull()
  // A week later.
  await runInDurableObject(stubOf(account), (_, { storage }) => {
    storage.sql.exec('UPDATE accounts SET created = created - 60000').toArray()
  })
  await runDurableObjectAlarm(stubOf(account))
  const [gone] = await ledger.commit([{ op: 'read_account', account }])
  expect(gone).toEqual({ ok: false, code: 'unknown_account' })
  const { names } = await listLedgers(objects, '', 10_000)
  expect(names).not.toContain(`acct:${account}`)
  expect(names).toContain(`acct:${funded}`)
  expect(await alarmOf(account)).toBeNull()
  // Its owner may come back, and money too.
  await ledger.commit([mirror(account, 5n)])
  const [again] = await ledger.commit([{ op: 'read_account', account }])
  expect(again).toMatchObject({ ok: true, account: { available: 5n } })
})

test('what comes to an account in the moment in which it ends is kept, under its name', async () => {
  const opened = { op: 'open_account', mode: 'managed', keys: null, at: unixMs(1) } as const
  const accounts = manyAccounts(6_000).slice(-24)
  for (const [turns, account] of accounts.entries()) {
    await ledger.commit([{ ...opened, account }])
    await runInDurableObject(stubOf(account), async (object) => {
      // Sound: the class of worker.ts has both.
      const { alarm, commit } = object as unknown as { alarm(): Promise<void> } & LedgerRpc
      const ending = alarm.call(object)
      for (let turn = 0; turn < turns; turn++) await Promise.resolve()
      await commit.call(object, [mirror(account, 5n)])
      await ending
    })
    const [read] = await ledger.commit([{ op: 'read_account', account }])
    expect(read).toMatchObject({ ok: true, account: { available: 5n } })
  }
  const { names } = await listLedgers(objects, '', 10_000)
  expect(names).toEqual(expect.arrayContaining(accounts.map((account) => `acct:${account}`)))
})

test('an account that ends while it is exported is passed over', async () => {
  const [account = ALICE] = manyAccounts(6_100).slice(-1)
  const opened = { op: 'open_account', mode: 'managed', keys: null, at: unixMs(1) } as const
  await ledger.commit([{ ...opened, account }])
  expect(await objects.ledger(`acct:${account}`).exportUnits(0, 8)).toEqual([])
})

test('a webhook that nobody answers is tried again, and holds up nothing else', async () => {
  const [account = ALICE] = manyAccounts(4_000).slice(-1)
  await ledger.commit([mirror(account, 1_000n)])
  const webhook = { url: 'http://127.0.0.1:9/low', secretId: 'one', threshold: nano(5_000n) }
  await ledger.commit([{ op: 'set_webhook', account, webhook, at: unixMs(Date.now()) }])
  await ledger.commit([reserve(70_000, 100n, { account }), settle(70_000, 10, { account })])
  const before = await earned()
  const began = Date.now()
  await runDurableObjectAlarm(stubOf(account))
  expect((await earned()) - before).toBe(63n)
  const [read] = await ledger.commit([{ op: 'read_webhook', account }])
  expect(read.webhook).toMatchObject({ state: 'due' })
  const next = await runInDurableObject(stubOf(account), (_, { storage }) => storage.getAlarm())
  expect(next).toBeGreaterThanOrEqual(began + 10_000)
  // Who is told nothing more is left in peace.
  await ledger.commit([{ op: 'set_webhook', account, webhook: null, at: unixMs(Date.now()) }])
  await runDurableObjectAlarm(stubOf(account))
})

test('a gateway that serves is not moved, whoever asks', async () => {
  const ask = (path: string, key: string) =>
    SELF.fetch(`http://127.0.0.1:8787/admin/moving/${path}`, {
      headers: { authorization: `Bearer ${key}` },
    })
  const refused = await ask('schema', 'an-operator-key-of-the-tests')
  expect(refused.status).toBe(409)
  expect((await ask('schema', 'a-key-of-somebody-else-entirely')).status).toBe(401)
})
