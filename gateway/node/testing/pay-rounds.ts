import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { setTimeout as wait } from 'node:timers/promises'
import { expect } from 'vitest'
import { hex } from '#base/bytes.ts'
import { nano } from '#base/nano.ts'
import { exitOrderBits, signBits } from '#contracts'
import { openDevWallet } from '#dev/chain/wallet.ts'
import type { AccountId, TonAddress } from '../../db/ids.ts'
import { orderedExits } from '../../ledger/exits.ts'
import { openGasWallet } from '../../money/gas-wallet.ts'
import { createCashier } from '../../money/run-cashier.ts'
import { createExits } from '../../money/run-exits.ts'
import { expectAccounted } from '../../money/testing/expect-accounted.ts'
import {
  type Books,
  chainAt,
  METER,
  openWatcher,
  openWorld,
  rawAddress,
  sha256,
  testAccount,
  testKey,
  tillAccount,
  ton,
  USE_FEE_BPS,
  useOnce,
  type World,
} from '../../money/testing/money-world.ts'
import { openLedger } from './open-ledger.ts'

const CHILD = join(import.meta.dirname, 'pay-for-ever.ts')
/** Rounds that a process may make before it dies, and milliseconds into the next one. */
const MOST_ROUNDS = 4
const MOST_MS = 60
const FAULTS = ['unavailable', 'rateLimited', 'dropSends', 'loseReplies', 'duplicateSends'] as const

/**
 * Deposits, usage, charges, vouchers, payouts and exits, while the process that carries them dies by SIGKILL `rounds` times at
 * moments that `chance` picks and its provider fails in every way. At the end every nano must be accounted for.
 */
export async function payRounds(rounds: number, chance: () => number): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), 'cocoon-pay-'))
  const path = join(folder, 'gateway.db')
  const world = await openWorld({ dailyCap: ton('1000') })
  const provider = await world.dev.serve()
  const host = rawAddress(openDevWallet(world.dev.endpoint, 'host').address)
  const names: string[] = []
  const accounts: AccountId[] = []
  try {
    await world.fund(gasWallet(world).address, '500')
    for (let round = 0; round < rounds; round++) {
      const name = `user ${round % 40}`
      const account = await testAccount(name)
      if (!names.includes(name)) {
        names.push(name)
        accounts.push(account.id)
      }
      await world.deposit(account.id, '0.4')
      await useAndLeave(world, path, { name, host, leaves: chance() < 0.2 })
      const fault = FAULTS[Math.floor(chance() * FAULTS.length)]
      if (fault !== undefined && chance() < 0.5) provider.faults[fault] = 1
      await liveUntilKilled([path, provider.endpoint, world.till], world, chance)
      // What was lost on its way may be made anew.
      world.dev.chain.advance(91)
    }
    for (const fault of FAULTS) provider.faults[fault] = 0
    const books = openAt(path)
    await settleDown(world, books)
    await expectAccounted(world, books, { accounts, host })
    books.close()
  } finally {
    await world.close()
    rmSync(folder, { recursive: true, force: true })
  }
}

/** Between two lives: a request of an account that has money, and sometimes its owner's order to leave. */
async function useAndLeave(
  world: World,
  path: string,
  {
    name,
    host,
    leaves,
  }: { readonly name: string; readonly host: TonAddress; readonly leaves: boolean },
): Promise<void> {
  const books = openAt(path)
  const { id, keysJson } = await testAccount(name)
  const at = world.clock()
  await books.ledger.commit([
    { op: 'open_account', account: id, mode: 'managed', keys: keysJson, at },
  ])
  const [read] = await books.ledger.commit([{ op: 'read_account', account: id }])
  const [{ exit }] = await books.ledger.commit([{ op: 'read_exit', account: id }])
  const isOpen = read.ok && read.account.exitAt === null && exit === null
  if (isOpen && read.account.available > ton('0.01')) {
    const cost = nano(1_000_000n + BigInt(name.length))
    await useOnce(world, books, { account: id, host, cost })
    if (leaves) await orderExit(world, books, name)
  }
  books.close()
}

async function orderExit(world: World, { ledger }: Books, name: string): Promise<void> {
  const { id } = await testAccount(name)
  const to = rawAddress(openDevWallet(world.dev.endpoint, `home of ${name}`).address)
  const { nonce } = await tillAccount(world, id)
  const bits = exitOrderBits({ till: world.till, account: id, to, nonce })
  const signature = hex(await signBits(bits, testKey(`${name} owner`).sign, sha256))
  const said = { account: id, till: world.till, nonce, at: world.clock() }
  await ledger.commit([{ op: 'order_exit', ...said, order: { to, signature } }])
}

/** Starts the process, lets it make some rounds, and kills it some milliseconds into the next. */
async function liveUntilKilled(
  args: readonly string[],
  world: World,
  chance: () => number,
): Promise<void> {
  const lead = Math.floor(world.clock() / 1000) - Math.floor(Date.now() / 1000)
  const child = spawn(process.execPath, [CHILD, ...args, String(lead)], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  const exited = once(child, 'exit')
  let left = Math.floor(chance() * MOST_ROUNDS)
  for await (const _ of createInterface({ input: child.stdout })) {
    if (left-- > 0) continue
    await wait(chance() * MOST_MS)
    child.kill('SIGKILL')
    break
  }
  const [, signal] = await exited
  expect(signal).toBe('SIGKILL')
}

/** Nothing dies any more: rounds until there is nothing left to do. */
async function settleDown(world: World, books: Books): Promise<void> {
  const shared = {
    till: world.till,
    chain: chainAt(world.dev.endpoint),
    wallet: gasWallet(world),
    ledger: books.ledger,
    store: books.store,
    orders: async () => orderedExits(books.store, world.till, Math.random),
    sign: METER.sign,
    meterKey: METER.publicKey,
    sha256,
    feeBps: USE_FEE_BPS,
    clock: world.clock,
  }
  const policy = { minCharge: nano(1n), urgent: ton('1'), minRedeem: nano(1n) }
  const [watcher, exits] = [openWatcher(world, books), createExits(shared)]
  const cashier = createCashier({ ...shared, policy })
  for (let round = 0; round < 16; round++) {
    await watcher.tick()
    await exits.tick()
    await cashier.tick()
    world.dev.chain.advance(91)
  }
}

function gasWallet(world: World) {
  const secretKey = new Uint8Array(testKey('gas').secretKey)
  return openGasWallet({ chain: chainAt(world.dev.endpoint), secretKey, networkId: -239 })
}

function openAt(path: string): Books {
  const { store, ledger } = openLedger(path)
  return { store, ledger, restart: () => openAt(path), close: () => store.close() }
}
