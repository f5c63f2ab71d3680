import { expect } from 'vitest'
import { unixSeconds } from '#base/brand.ts'
import { nano, nanoPerMillion } from '#base/nano.ts'
import type { DevChain } from '#dev/chain/start-dev-chain.ts'
import { openDevWallet } from '#dev/chain/wallet.ts'
import { type AccountId, requestId, runnerId, sessionId, type TonAddress } from '../../db/ids.ts'
import type { Ledger, Op, Terms } from '../../ledger/port.ts'
import type { Chain } from '../chain.ts'
import { MoneyError } from '../errors.ts'
import { openGasWallet } from '../gas-wallet.ts'
import { readTill } from '../read-till.ts'
import { type Cashier, createCashier } from '../run-cashier.ts'
import type { Watcher } from '../watch-deposits.ts'
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
  ton,
  type World,
} from './money-world.ts'

const FEE_BPS = 1_000
/** Calls to the chain or the books between two crashes, at most. */
const LIFE_CALLS = 12
const NETWORK_ID = -239

const FAULTS = ['unavailable', 'rateLimited', 'dropSends', 'loseReplies', 'duplicateSends'] as const

type Provider = Pick<DevChain, 'endpoint' | 'faults'>

class Crash extends Error {}

/** A small seeded generator: the walk of a seed can be repeated. */
export function seeded(seed: number): () => number {
  let state = seed
  return () => {
    state = (state + 0x6d2b79f5) | 0
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state)
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32
  }
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
  }

  static async start(options: CrashWalkOptions): Promise<CrashWalk> {
    const world = await openWorld({ dailyCap: ton('1000') })
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
      async () => this.#trouble(),
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
    this.#restart()
    this.#callsLeft = Number.POSITIVE_INFINITY
    for (let round = 0; round < 8; round++) {
      await this.#watcher.tick()
      await this.#cashier.tick()
      this.#world.dev.chain.advance(91)
    }
  }

  async expectAccounted(): Promise<void> {
    const { ledger } = this.#books
    const till = readTill(chainAt(this.#world.dev.endpoint), this.#world.till)
    let settled = 0n
    for (const account of this.#accounts) {
      const { value } = await till.account(account)
      const [read] = await ledger.commit([{ op: 'read_account', account }])
      const state = read.ok ? read.account : { credited: 0n, collected: 0n, settled: 0n }
      expect(state.credited).toBe(value.credit)
      expect(state.collected).toBe(value.debit)
      expect(state.settled).toBe(value.debit)
      settled += state.settled
    }
    const [{ host }, audit] = await ledger.commit([
      { op: 'read_host', payee: this.#host },
      { op: 'audit' },
    ])
    const paid = await till.payeePaid(this.#host)
    expect(host.redeemed).toBe(paid)
    expect(host.vouchered).toBe(host.earned)
    expect(host.earned + audit.fees).toBe(settled)
    expect(paid).toBe(host.earned)
    expect(audit.broken).toEqual([])
  }

  async close(): Promise<void> {
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
    const chain = chainAt(this.#provider.endpoint)
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
    return openWatcher(this.#world, this.#books, { chain: this.#chain(), ledger: this.#ledger() })
  }

  #openCashier(): Cashier {
    return createCashier({
      till: this.#world.till,
      chain: this.#chain(),
      wallet: this.#wallet(),
      ledger: this.#ledger(),
      store: this.#books.store,
      sign: METER.sign,
      sha256,
      feeBps: FEE_BPS,
      policy: { minCharge: nano(1n), urgent: ton('1'), minRedeem: nano(1n) },
      clock: this.#world.clock,
    })
  }

  /** To an account of its own as often as not: nothing else reads such an account again. */
  async #deposit(): Promise<void> {
    const isNew = this.#accounts.length === 0 || this.#chance() < 0.5
    if (isNew) this.#accounts.push((await testAccount(`user ${this.#accounts.length}`)).id)
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

  #trouble(): void {
    const { faults } = this.#provider
    const kind = this.#pick(FAULTS)
    faults[kind] = 1 + Math.floor(this.#chance() * 3)
  }
}
