import { createHash } from 'node:crypto'
import type { Cell } from '@ton/core'
import { expect, test } from 'vitest'
import { ton } from './testing/keys.ts'
import { leaf, readStore, writeStore } from './testing/till-store.ts'
import { DAY, TillWorld } from './testing/till-world.ts'
import { DEPOSIT_FEE, MAX_ACCOUNTS, MAX_BATCH, MAX_PAYEES, TILL_EXIT } from './till-constants.ts'

/** An account's state may not hold more cells. @see config parameter 43 */
const MAX_STATE_CELLS = 65_536

const key = (name: string) => BigInt(`0x${createHash('sha256').update(name).digest('hex')}`)

function countCells(root: Cell): number {
  const seen = new Set<string>()
  const stack = [root]
  for (let cell = stack.pop(); cell !== undefined; cell = stack.pop()) {
    const hash = cell.hash().toString('hex')
    if (seen.has(hash)) continue
    seen.add(hash)
    stack.push(...cell.refs)
  }
  return seen.size
}

test('H3: a full Till still takes deposits, charges, redeems and lets everybody exit', async () => {
  const world = await TillWorld.create({ holdDays: 0 }, { reserve: ton('50') })
  const crowd = await Promise.all(
    Array.from({ length: MAX_BATCH }, (_, i) => world.account(`account ${i}`)),
  )
  for (const account of crowd) await world.depositBinary(account, ton('2'))
  const store = await readStore(world)
  for (let i = store.accounts.size; i < MAX_ACCOUNTS; i++) {
    // Distinct, so that no two leaves are one cell.
    store.accounts.set(key(`account ${i}`), leaf(BigInt(i)))
  }
  for (let i = 0; i < MAX_PAYEES - 1; i++) store.payees.set(key(`payee ${i}`), BigInt(i + 1))
  store.accountCount = MAX_ACCOUNTS
  store.payeeCount = MAX_PAYEES - 1
  await writeStore(world, store)

  const [account] = crowd
  if (account === undefined) throw new Error('no crowd')
  const late = await world.account('late')
  expect((await world.deposit(late, ton('1'))).exitCode).toBe(TILL_EXIT.AccountsFull)
  const before = (await world.till.getAccount(account.id)).credit
  const deposit = await world.deposit(account, ton('1'))
  const fee = before + ton('1') - (await world.till.getAccount(account.id)).credit
  expect(fee).toBe(DEPOSIT_FEE)
  expect(BigInt(deposit.gas) * 400n).toBeLessThan(DEPOSIT_FEE)
  expect((await world.charge(crowd.map((each) => [each, ton('0.5')] as const))).ok).toBe(true)
  expect((await world.redeem(world.host.address.toRawString(), ton('5'))).ok).toBe(true)
  expect((await world.redeem(world.user.address.toRawString(), ton('1'))).exitCode).toBe(
    TILL_EXIT.PayeesFull,
  )
  for (const each of crowd) expect((await world.requestExit(each)).ok).toBe(true)
  world.wait(DAY)
  for (const each of crowd) expect((await world.finishExit(each)).ok).toBe(true)

  const { accountState } = await world.chain.getContract(world.till.address)
  if (accountState?.type !== 'active' || !accountState.state.data) throw new Error('not active')
  const cells = countCells(accountState.state.data)
  expect(cells).toBeGreaterThan(MAX_ACCOUNTS + MAX_PAYEES)
  expect(cells).toBeLessThan(MAX_STATE_CELLS / 2)
})
