import { createHash } from 'node:crypto'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type Address, toNano } from '@ton/core'
import { keyPairFromSeed, sign } from '@ton/crypto'
import { expect } from 'vitest'
import { type Clock, unixMs, unixSeconds } from '#base/brand.ts'
import { type Bytes, fromHex, hex } from '#base/bytes.ts'
import { MAX_COLUMN_NANO, type Nano, nano, nanoPerMillion, parseNano } from '#base/nano.ts'
import {
  type AccountKeys,
  accountIdOf,
  accountKeysToJson,
  type Cheque,
  chequeBits,
  formatMemo,
  plainBody,
  redeemBody,
  signBits,
  TILL_VALUE,
  Till,
  type TillConfig,
} from '#contracts'
import { devRpc } from '#dev/chain/dev-rpc.ts'
import { type DevChain, startDevChain } from '#dev/chain/start-dev-chain.ts'
import { type DevWallet, openDevWallet } from '#dev/chain/wallet.ts'
import {
  type AccountId,
  requestId,
  runnerId,
  sessionId,
  type TonAddress,
  tonAddress,
} from '../../db/ids.ts'
import type { Ledger, Terms } from '../../ledger/port.ts'
import type { SqliteStore } from '../../node/open-sqlite.ts'
import { openLedger } from '../../node/testing/open-ledger.ts'
import type { Chain } from '../chain.ts'
import { openJsonRpc } from '../json-rpc.ts'
import { readTill } from '../read-till.ts'
import { isCovered, readLiabilities } from '../reserves.ts'
import type { SettlementPack } from '../settlement-pack.ts'
import { toncenter } from '../toncenter.ts'
import { createWatcher, type Watcher, type WatcherDeps } from '../watch-deposits.ts'

const DAY_SECONDS = 86_400

export const sha256 = (bytes: Uint8Array): Bytes =>
  new Uint8Array(createHash('sha256').update(bytes).digest())

export interface TestKey {
  readonly publicKey: Bytes
  readonly secretKey: Buffer
  readonly sign: (hash: Bytes) => Bytes
}

export function testKey(name: string): TestKey {
  const { publicKey, secretKey } = keyPairFromSeed(createHash('sha256').update(name).digest())
  return {
    publicKey: new Uint8Array(publicKey),
    secretKey,
    sign: (hash) => new Uint8Array(sign(Buffer.from(hash), secretKey)),
  }
}

export const METER = testKey('meter')
export const ton = (amount: string): Nano => nano(toNano(amount))

export const TILL_CONFIG: Omit<TillConfig, 'admin'> = {
  meterKey: METER.publicKey,
  exitDelay: DAY_SECONDS,
  rotationDelay: 4 * DAY_SECONDS,
  holdDays: 0,
  dailyCap: ton('100'),
  maxFeeBps: 1_000,
  salt: new Uint8Array(32).fill(1),
}

export interface TestAccount {
  readonly id: AccountId
  readonly keysJson: string
  /** Lower-case hex. */
  signCheque(said: Omit<Cheque, 'account'>): Promise<string>
}

/** The account of an owner named so. */
export async function testAccount(
  name: string,
  mode: 'managed' | 'sovereign' = 'managed',
): Promise<TestAccount> {
  const keys: AccountKeys = {
    owner: null,
    ownerKey: testKey(`${name} owner`).publicKey,
    spendKey: testKey(`${name} spend`).publicKey,
    salt: sha256(Buffer.from(name)).slice(0, 16),
  }
  const id = await accountIdOf(keys, mode, sha256)
  return {
    id,
    keysJson: JSON.stringify(accountKeysToJson(keys)),
    signCheque: async (said) => {
      const bits = chequeBits({ ...said, account: id })
      return hex(await signBits(bits, testKey(`${name} spend`).sign, sha256))
    },
  }
}

export interface World {
  readonly dev: DevChain
  readonly till: TonAddress
  /** Any user's wallet, funded with 1,000 TON. */
  readonly user: DevWallet
  readonly clock: Clock
  deposit(account: AccountId, amount: string): Promise<void>
  /** Takes `amount` TON from the faucet for an address. */
  fund(address: TonAddress, amount: string): Promise<void>
  /** What a host does with its pack and any wallet. */
  redeem(voucher: NonNullable<SettlementPack['voucher']>): Promise<void>
  close(): Promise<void>
}

/** A local chain with a deployed Till. @param clock the chain's; default: the machine's */
export async function openWorld(config: Partial<TillConfig> = {}, clock?: Clock): Promise<World> {
  const dev = await startDevChain(clock === undefined ? {} : { clock })
  const user = openDevWallet(dev.endpoint, 'user')
  await user.fund('1000')
  const contract = Till.createFromConfig({
    ...TILL_CONFIG,
    admin: user.address.toRawString(),
    ...config,
  })
  const { address, init } = contract
  if (init === undefined) throw new Error('no StateInit')
  const body = plainBody('topUp')
  await user.transfer({ to: address, value: toNano('2'), init, body, bounce: false })
  return {
    dev,
    user,
    till: tonAddress(address.toRawString()),
    clock: () => unixMs(dev.chain.now() * 1000),
    deposit: (account, amount) =>
      user.transfer({ to: address, value: toNano(amount), comment: formatMemo(account) }),
    fund: (to, amount) =>
      devRpc(dev.endpoint, fetch).faucet({ address: to, amount, bounce: false }),
    redeem: ({ till, payee, cumulative, signature }) => {
      const voucher = { till, payee, cumulative: parseNano(cumulative) }
      const body = redeemBody(voucher, fromHex(signature))
      return user.transfer({ to: address, value: TILL_VALUE.redeem, body })
    },
    close: () => dev.close(),
  }
}

export function chainAt(endpoint: string): Chain {
  return toncenter(
    openJsonRpc({
      endpoint,
      fetch,
      wait: () => Promise.resolve(),
      chance: () => 0.5,
      callsPerSecond: 1_000,
    }),
  )
}

/** A gateway's books on a real file; `restart` is what a new process finds. */
export interface Books {
  readonly store: SqliteStore
  readonly ledger: Ledger
  restart(): Books
  close(): void
}

export function openBooks(): Books {
  const folder = mkdtempSync(join(tmpdir(), 'cocoon-money-'))
  const path = join(folder, 'gateway.db')
  const start = (): Books => {
    const { store, ledger } = openLedger(path)
    return {
      store,
      ledger,
      restart: () => {
        store.close()
        return start()
      },
      close: () => {
        store.close()
        rmSync(folder, { recursive: true, force: true })
      },
    }
  }
  return start()
}

export function openWatcher(world: World, books: Books, over: Partial<WatcherDeps> = {}): Watcher {
  return createWatcher({
    till: world.till,
    chain: chainAt(world.dev.endpoint),
    witnesses: [],
    limits: { total: MAX_COLUMN_NANO },
    ledger: books.ledger,
    store: books.store,
    covers: async (totals) => isCovered(readLiabilities(books.store), totals),
    clock: world.clock,
    ...over,
  })
}

export async function tillAccount(world: World, account: AccountId) {
  return (await readTill(chainAt(world.dev.endpoint), world.till).account(account)).value
}

export const rawAddress = (address: Address): TonAddress => tonAddress(address.toRawString())

export interface Use {
  readonly account: AccountId
  readonly host: TonAddress
  readonly cost: Nano
  /** False leaves the request open until `settle` is called. */
  readonly settles?: boolean
  /** The account is closed: the request must be refused. */
  readonly fails?: boolean
}

/** The commission of the requests that `useOnce` makes. */
export const USE_FEE_BPS = 1_000
let uses = 0

/** A request that costs exactly `cost`, at a host of its own. */
export async function useOnce(
  world: World,
  { ledger }: Books,
  { account, host, cost, settles = true, fails = false }: Use,
): Promise<{ settle(): Promise<void> }> {
  const free = nanoPerMillion(0n)
  const terms: Terms = {
    model: 'cocoon/demo',
    runner: runnerId('run_one'),
    session: sessionId('sha256:one'),
    payee: host,
    price: { input: nanoPerMillion(cost * 1_000_000n), cached: free, output: free },
    commissionBps: USE_FEE_BPS,
  }
  const at = world.clock()
  const request = requestId(`req_${(++uses).toString(16).padStart(32, '0')}`)
  const attempt = { account, request, attempt: 1, at }
  const deadline = unixSeconds(Math.floor(at / 1000) + 10 ** 6)
  const [reserved] = await ledger.commit([
    { op: 'reserve', ...attempt, key: null, amount: cost, terms, deadline },
  ])
  expect(reserved.ok).toBe(!fails)
  const settle = async (): Promise<void> => {
    const usage = { prompt_tokens: 1, cached_tokens: 0, completion_tokens: 0, reasoning_tokens: 0 }
    const receipt = {
      runner: terms.runner,
      payee: host,
      usage,
      stop: 'normal',
      receipt: '{}',
    } as const
    const [settled] = await ledger.commit([{ op: 'settle', ...attempt, ...receipt }])
    expect(settled).toMatchObject({ ok: true, cost })
  }
  if (settles && !fails) await settle()
  return { settle }
}
