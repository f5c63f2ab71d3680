import { Address } from '@ton/core'
import { expect } from 'vitest'
import { unixMs, unixSeconds } from '#base/brand.ts'
import { hex } from '#base/bytes.ts'
import { nano, nanoPerMillion } from '#base/nano.ts'
import { exitOrderBits, formatMemo, signBits } from '#contracts'
import type { DevChain } from '#dev/chain/start-dev-chain.ts'
import { openDevWallet } from '#dev/chain/wallet.ts'
import { type AccountId, requestId, runnerId, sessionId, type TonAddress } from '../../db/ids.ts'
import { orderedExits } from '../../ledger/exits.ts'
import type { Ledger, Op, Terms } from '../../ledger/port.ts'
import type { Chain } from '../chain.ts'
import { MoneyError } from '../errors.ts'
import { openGasWallet } from '../gas-wallet.ts'
import { isSound } from '../money-watch.ts'
import { type Cashier, createCashier } from '../run-cashier.ts'
import { createExits } from '../run-exits.ts'
import type { Watcher } from '../watch-deposits.ts'
import { expectAccounted } from './expect-accounted.ts'
import {
  type Books,
  chainAt,
  METER,
  openBooks,
  openWatcher,
  openWorld,
  rawAddress,
  sha256,
  testAccount,
  testKey,
  tillAccount,
  ton,
  type World,
} from './money-world.ts'
import { seeded } from './seeded.ts'

const FEE_BPS = 1_000
/** Calls to the chain or the books between two crashes, at most. */
const LIFE_CALLS = 12
const NETWORK_ID = -239
/** Time passes only when a walk says so: a busy machine does not change it. */
const START = unixMs(1_800_000_000_000)

const FAULTS = ['unavailable', 'rateLimited', 'dropSends', 'loseReplies', 'duplicateSends'] as const
/** How far a lagging provider falls behind. */
const MOST_LAG = 4

type Provider = Pick<DevChain, 'endpoint' | 'faults'>

class Crash extends Error {}

function requireFork(error: unknown): void {
  if (!(error instanceof MoneyError) || error.code !== 'fork') throw error
}

export interface CrashWalkOptions {
  readonly seed: number
  readonly crashes: number
  /** How the watcher sees the books: a broken one is the negative control. */
  readonly wrap?: (ledger: Ledger) => Ledger
}

/**
 * Deposits, usage, charges, vouchers and payouts on a real chain and a real file, while the process dies at random calls,
 * before or after their effect, and the provider fails in every way that the local chain can. At the end nothing dies any
 * more, and every nano must be where the Till says that it is.
 */
export async function crashWalk(options: CrashWalkOptions): Promise<void> {
  const walk = await CrashWalk.start(options)
  try {
    await walk.run(options.crashes)
    await walk.settleDown()
    await walk.expectAccounted()
  } finally {
    await walk.close()
  }
}

class CrashWalk {
  readonly #chance: () => number
  readonly #world: World
  /** The gateway's own endpoint: its faults do not touch the users. */
  readonly #provider: Provider
  readonly #accounts: AccountId[] = []
  readonly #host: TonAddress
  readonly #wrap: (ledger: Ledger) => Ledger
  #books: Books
  #callsLeft = Number.POSITIVE_INFINITY
  #requests = 0
  #watcher: Watcher
  #cashier: Cashier
  #exits: { tick(): Promise<unknown> }
  /** A provider on another history, while one is asked. */
  #liar: DevChain | undefined

  private constructor(
    { seed, wrap }: CrashWalkOptions,
    world: World,
    people: { readonly provider: Provider; readonly host: TonAddress },
  ) {
    this.#chance = seeded(seed)
    this.#wrap = wrap ?? ((ledger) => ledger)
    this.#world = world
    this.#provider = people.provider
    this.#host = people.host
    this.#books = openBooks()
    this.#watcher = this.#openWatcher()
    this.#cashier = this.#openCashier()
    this.#exits = this.#openExits()
  }

  static async start(options: CrashWalkOptions): Promise<CrashWalk> {
    const world = await openWorld({ dailyCap: ton('1000') }, () => START)
    const host = rawAddress(openDevWallet(world.dev.endpoint, 'host').address)
    const provider = await world.dev.serve()
    const walk = new CrashWalk(options, world, { provider, host })
    await world.fund(walk.#wallet().address, '100')
    return walk
  }

  /** Acts at random until the process has died so often. */
  async run(crashes: number): Promise<void> {
    const acts = [
      () => this.#deposit(),
      () => this.#use(),
      () => this.#watcher.tick(),
      () => this.#watcher.tick(),
      () => this.#cashier.tick(),
      () => this.#cashier.tick(),
      () => this.#exits.tick(),
      () => this.#leave(),
      async () => this.#trouble(),
      async () => this.#fallBehind(),
      () => this.#hearLies(),
      async () => void this.#world.dev.chain.advance(91),
    ]
    for (let crashed = 0; crashed < crashes; ) {
      const act = acts[Math.floor(this.#chance() * acts.length)]
      try {
        await act?.()
      } catch (error) {
        if (error instanceof Crash) crashed++
        else if (!(error instanceof MoneyError)) throw error
        // A provider's error ends a tick; a crash ends the process.
        if (error instanceof Crash) this.#restart()
      }
      if (!Number.isFinite(this.#callsLeft)) {
        this.#callsLeft = 1 + Math.floor(this.#chance() * LIFE_CALLS)
      }
    }
  }

  /** No more crashes and faults: rounds until nothing is left to do. */
  async settleDown(): Promise<void> {
    for (const kind of FAULTS) this.#provider.faults[kind] = 0
    this.#provider.faults.lagBlocks = 0
    await this.#liar?.close()
    this.#liar = undefined
    this.#restart()
    this.#callsLeft = Number.POSITIVE_INFINITY
    for (let round = 0; round < 12; round++) {
      // What a liar had told is dropped when the truth reaches it, and walked again from there.
      await this.#watcher.tick().catch(requireFork)
      await this.#exits.tick()
      await this.#cashier.tick()
      this.#world.dev.chain.advance(91)
    }
  }

  async expectAccounted(): Promise<void> {
    await expectAccounted(this.#world, this.#books, { accounts: this.#accounts, host: this.#host })
    expect(isSound(await this.#watcher.reconcile())).toBe(true)
  }

  async close(): Promise<void> {
    await this.#liar?.close()
    this.#books.close()
    await this.#world.close()
  }

  #pick<T>(items: readonly T[]): T {
    const item = items[Math.floor(this.#chance() * items.length)]
    if (item === undefined) throw new RangeError('nothing to pick from')
    return item
  }

  #restart(): void {
    this.#callsLeft = Number.POSITIVE_INFINITY
    this.#books = this.#books.restart()
    this.#watcher = this.#openWatcher()
    this.#cashier = this.#openCashier()
    this.#exits = this.#openExits()
  }

  /** Dies at the last call of this life: before it has an effect, or after. */
  async #dying<T>(call: () => Promise<T>): Promise<T> {
    const dies = --this.#callsLeft <= 0
    if (dies && this.#chance() < 0.5) throw new Crash()
    const result = await call()
    if (dies) throw new Crash()
    return result
  }

  #chain(): Chain {
    const { endpoint } = this.#liar ?? this.#provider
    const chain = chainAt(endpoint)
    return {
      head: (...args) => this.#dying(() => chain.head(...args)),
      transactions: (...args) => this.#dying(() => chain.transactions(...args)),
      runGet: (...args) => this.#dying(() => chain.runGet(...args)),
      send: (...args) => this.#dying(() => chain.send(...args)),
    }
  }

  #ledger(): Ledger {
    const { ledger } = this.#books
    return this.#wrap({ commit: (ops) => this.#dying(() => ledger.commit(ops)) })
  }

  #wallet() {
    const secretKey = new Uint8Array(testKey('gas').secretKey)
    return openGasWallet({ chain: this.#chain(), secretKey, networkId: NETWORK_ID })
  }

  #openWatcher(): Watcher {
    const [chain, ledger] = [this.#chain(), this.#ledger()]
    // The second provider tells the truth: whatever the first one says alone is worth nothing.
    const witnesses = [chainAt(this.#world.dev.endpoint)]
    const limits = { total: nano(0n) }
    return openWatcher(this.#world, this.#books, { chain, ledger, witnesses, limits })
  }

  #openCashier(): Cashier {
    return createCashier({
      ...this.#paying(),
      policy: { minCharge: nano(1n), urgent: ton('1'), minRedeem: nano(1n) },
      witnesses: [chainAt(this.#world.dev.endpoint)],
    })
  }

  #openExits() {
    return createExits(this.#paying())
  }

  #paying() {
    return {
      till: this.#world.till,
      chain: this.#chain(),
      wallet: this.#wallet(),
      ledger: this.#ledger(),
      store: this.#books.store,
      orders: async () => orderedExits(this.#books.store, this.#world.till, this.#chance),
      sign: METER.sign,
      meterKey: METER.publicKey,
      sha256,
      feeBps: FEE_BPS,
      clock: this.#world.clock,
    }
  }

  /** To an account of its own as often as not: nothing else reads such an account again. */
  async #deposit(): Promise<void> {
    const isNew = this.#accounts.length === 0 || this.#chance() < 0.5
    if (isNew) this.#accounts.push((await testAccount(this.#newName())).id)
    const account = isNew ? this.#accounts.at(-1) : this.#pick(this.#accounts)
    if (account !== undefined) await this.#world.deposit(account, '0.3')
  }

  async #use(): Promise<void> {
    const account = this.#accounts[Math.floor(this.#chance() * this.#accounts.length)]
    if (account === undefined) return
    const cost = nano(BigInt(1 + Math.floor(this.#chance() * 10_000_000)))
    const request = requestId(`req_${(++this.#requests).toString(16).padStart(32, '0')}`)
    const price = { input: nanoPerMillion(cost * 1_000_000n) } as const
    const free = nanoPerMillion(0n)
    const terms: Terms = {
      model: 'cocoon/demo',
      runner: runnerId('run_one'),
      session: sessionId('sha256:one'),
      payee: this.#host,
      price: { ...price, cached: free, output: free },
      commissionBps: FEE_BPS,
    }
    const at = this.#world.clock()
    const attempt = { account, request, attempt: 1, at }
    const usage = { prompt_tokens: 1, cached_tokens: 0, completion_tokens: 0, reasoning_tokens: 0 }
    const deadline = unixSeconds(Math.floor(at / 1000) + 10 ** 9)
    const reserve: Op = { op: 'reserve', ...attempt, key: null, amount: cost, terms, deadline }
    const [reserved] = await this.#ledger().commit([reserve])
    if (!reserved?.ok) return
    const { runner, payee } = terms
    const receipt = { usage, stop: 'normal', receipt: '{}' } as const
    const settle: Op = { op: 'settle', ...attempt, runner, payee, ...receipt }
    // The runner delivers until it is answered: a crash here is not the end of the receipt.
    await this.#books.ledger.commit([settle])
  }

  #newName(): string {
    return `user ${this.#accounts.length}`
  }

  /** An owner orders its exit, through the gateway. */
  async #leave(): Promise<void> {
    if (this.#accounts.length === 0 || this.#chance() < 0.7) return
    const index = Math.floor(this.#chance() * this.#accounts.length)
    const name = `user ${index}`
    const { id, keysJson } = await testAccount(name)
    const at = this.#world.clock()
    const { nonce } = await tillAccount(this.#world, id)
    const to = this.#host
    const bits = exitOrderBits({ till: this.#world.till, account: id, to, nonce })
    const signature = hex(await signBits(bits, testKey(`${name} owner`).sign, sha256))
    const order = { to, signature }
    await this.#ledger().commit([
      { op: 'open_account', account: id, mode: 'managed', keys: keysJson, at },
      { op: 'order_exit', account: id, till: this.#world.till, order, nonce, at },
    ])
  }

  #fallBehind(): void {
    const { faults } = this.#provider
    faults.lagBlocks = faults.lagBlocks > 0 ? 0 : 1 + Math.floor(this.#chance() * MOST_LAG)
  }

  /** The provider becomes one that knows another history, with money in it that nobody sent; the next time it is the old one. */
  async #hearLies(): Promise<void> {
    if (this.#liar === undefined && this.#chance() < 0.85) return
    if (this.#liar === undefined && this.#accounts.length > 0) {
      const liar = await this.#world.dev.fork()
      const thief = openDevWallet(liar.endpoint, 'thief')
      await thief.fund('5000')
      const to = Address.parseRaw(this.#world.till)
      const account = this.#pick(this.#accounts)
      await thief.transfer({ to, value: ton('1000'), comment: formatMemo(account) })
      this.#liar = liar
    } else {
      await this.#liar?.close()
      this.#liar = undefined
    }
    this.#restart()
  }

  #trouble(): void {
    const { faults } = this.#provider
    const kind = this.#pick(FAULTS)
    faults[kind] = 1 + Math.floor(this.#chance() * 3)
  }
}
