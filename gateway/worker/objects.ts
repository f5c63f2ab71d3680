import type { UnixMs } from '#base/brand.ts'
import type { Nano } from '#base/nano.ts'
import type { AccountId, TonAddress } from '../db/ids.ts'
import type { ModelOffer } from '../inference/catalog.ts'
import type { Op, Result } from '../ledger/port.ts'
import type { AccountRow, ExitRow, HostRow } from '../money/due-rows.ts'
import type { MoneyStatus } from '../money/money-watch.ts'
import type { Balance, ReservesTree } from '../money/reserves-tree.ts'
import type { UnitOutcome } from '../moving/try-write-unit.ts'
import type { Unit } from '../moving/unit.ts'
import type { Voucher } from '../runners/deps.ts'
import type { LeasedRunner } from '../runners/runner-view.ts'
import type { FaultCode } from '../runners/tally.ts'
import type { PlaceCounts } from './counting-metrics.ts'

/** What Workers and objects ask of each other. Arguments and answers are structured clones. */

/** What moves a store to another platform, and from one. */
export interface MovingRpc {
  exportUnits(from: number, limit: number): Promise<readonly Unit[]>
  importUnit(unit: Unit, digest: string): Promise<UnitOutcome>
}

/** The ledger of one account or one host. */
export interface LedgerRpc extends MovingRpc {
  commit(ops: readonly Op[]): Promise<readonly Result[]>
  latestVoucher(till: TonAddress, payee: TonAddress): Promise<Voucher | undefined>
  owes(): Promise<LedgerOwes>
}

/** What one ledger owes at one moment. */
export interface LedgerOwes {
  readonly balances: readonly Balance[]
  readonly losses: Nano
  /** Of all its settlements, whoever knows of them yet. */
  readonly shares: Nano
  /** What hosts were paid. */
  readonly redeemed: Nano
}

/** What the ledgers of one index owe. */
export interface ReservesRpc {
  /** Asks a page of them. @returns what the next page goes on after; null at the end */
  collect(page: CollectPage): Promise<string | null>
  part(at: UnixMs): Promise<ReservesPart>
  leaf(at: UnixMs, account: AccountId): Promise<ReservesLeaf | undefined>
}

export interface CollectPage {
  readonly index: string
  /** Names the snapshot. */
  readonly at: UnixMs
  readonly no: number
  readonly after: string
  /** The snapshot that is shown meanwhile. */
  readonly keep: number
}

export interface ReservesPart {
  readonly count: number
  readonly hash: Uint8Array<ArrayBuffer>
  readonly sum: Nano
  readonly losses: Nano
  readonly shares: Nano
  readonly redeemed: Nano
}

export type ReservesLeaf = NonNullable<ReturnType<ReservesTree['leafOf']>>

/** Which ledgers exist: what has no name here was never written. */
export interface IndexRpc {
  add(name: string): Promise<void>
  /** What had this name is gone. */
  remove(name: string): Promise<void>
  /** Names in order, after `after`. */
  list(after: string, limit: number): Promise<readonly string[]>
}

/** Registration, evidence, leases and offers. */
export interface MarketRpc extends MovingRpc {
  fetch(request: Request): Promise<Response>
  /** Ids of the models on sale. */
  models(): Promise<readonly string[]>
  view(model: string): Promise<MarketView>
  modelOf(runner: string): Promise<string | undefined>
  /** Document of an attested session whose keyset has this digest. */
  keyset(runner: string, digest: string): Promise<string | undefined>
  /** Development: the runner whose own origin has this port. */
  runnerAt(port: number): Promise<string | undefined>
  /** Whether the Till held what all ledgers owed, when they were last asked. @throws when it cannot be said */
  covered(): Promise<boolean>
  /** What a place has seen since it last told. */
  note(report: PlaceReport): Promise<void>
  /** Starts anew from its tables. */
  reload(): Promise<void>
  wake(): Promise<void>
}

/** A model's offer and the runners that serve it. */
export interface MarketView {
  readonly offer: ModelOffer | undefined
  readonly runners: readonly LeasedRunner[]
}

/** One model's routing: what all places that serve it know together. */
export interface RouteRpc {
  look(report: LoadReport): Promise<RouteView>
}

/** What one place has under way. */
export interface LoadReport {
  readonly model: string
  /** Names the place, at random. */
  readonly place: string
  /** Requests by runner. */
  readonly inFlight: Readonly<Record<string, number>>
  /** A runner has just failed: the market knows best. */
  readonly isSuspect: boolean
}

export interface RouteView extends MarketView {
  /** Requests by runner, of all other places. */
  readonly elsewhere: Readonly<Record<string, number>>
}

/** The watcher of the Till. */
export interface ChainRpc extends MovingRpc {
  /** What its jobs last saw. */
  status(): Promise<MoneyStatus>
  /** A copy of an account that came with an import: the watcher's limits count it. */
  noteAccount(row: AccountRow): Promise<void>
  commit(ops: readonly Op[]): Promise<readonly Result[]>
  wake(): Promise<void>
}

/** The cashier, and its copies of what is due. */
export interface CashierRpc extends MovingRpc {
  /** What its jobs last saw. */
  status(): Promise<MoneyStatus>
  noteAccount(row: AccountRow): Promise<void>
  noteHost(row: HostRow): Promise<void>
  /** An owner has ordered an exit. */
  noteExit(row: ExitRow): Promise<void>
  wake(): Promise<void>
}

export interface Objects {
  ledger(name: string): LedgerRpc
  index(name: string): IndexRpc
  market(): MarketRpc
  route(model: string): RouteRpc
  chain(): ChainRpc
  cashier(): CashierRpc
  reserves(index: string): ReservesRpc
}

/** Every object by its name. A stub lives for one request: it is made anew at each call. */
export function objectsOf(env: Cloudflare.Env): Objects {
  // Sound: wrangler.toml binds each namespace to the class of worker.ts that answers this interface.
  const stub = <Rpc>(space: DurableObjectNamespace, name: string): Rpc =>
    space.getByName(name) as unknown as Rpc
  return {
    ledger: (name) => stub(env.LEDGER, name),
    index: (name) => stub(env.INDEX, name),
    market: () => stub(env.MARKET, 'market'),
    route: (model) => stub(env.ROUTE, model),
    chain: () => stub(env.CHAIN, 'chain'),
    cashier: () => stub(env.CASHIER, 'cashier'),
    reserves: (index) => stub(env.RESERVES, index),
  }
}

/** What a runner's requests came to at one place. */
export interface RunnerTally {
  readonly runner: string
  readonly answered: number
  readonly faults: readonly (readonly [FaultCode, number])[]
}

/** What one place tells the market every few seconds. */
export interface PlaceReport extends PlaceCounts {
  readonly tallies: readonly RunnerTally[]
}
