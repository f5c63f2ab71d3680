import { keyPairFromSeed } from '@ton/crypto'
import { type Clock, type UnixMs, unixMs } from '#base/brand.ts'
import { parseTon } from '#base/nano.ts'
import type { KeyId, SessionId, TonAddress } from '#gateway/db/ids.ts'
import { runnerId, tonAddress } from '#gateway/db/ids.ts'
import type { Op, Reserve, Result, Settle } from '#gateway/ledger/port.ts'
import { MoneyError } from '#gateway/money/errors.ts'
import type { SessionTable, Signer } from '#protocol'
import { ChainModel, noFaults, type ProviderFaults } from './chain-model.ts'
import { assertBooks, assertEverything } from './checks.ts'
import { type Dice, openDice } from './dice.ts'
import { Disk } from './disk.ts'
import { type GatewayProcess, type Sabotage, startProcess, TILL } from './gateway-process.ts'
import { Journal } from './journal.ts'
import { appraise, VERDICT_SECONDS } from './leases.ts'
import { Life } from './life.ts'
import { need, SimulationFailure } from './need.ts'
import { type ClientModel, Network } from './network.ts'
import type { Owner } from './owner.ts'
import { quickKey, quickProvider, quickVerify } from './quick-crypto.ts'
import { RegistryModel } from './registry-model.ts'
import { RunnerModel, type SignedReceipt } from './runner-model.ts'
import { nameOf, Shadow } from './shadow.ts'
import type { TillRules } from './till-run.ts'
import { newTill, type TillState } from './till-state.ts'

const START = 1_800_000_000
const DAY = 86_400
/** Calls to disk and chain in one life, at most: of a short one, and of a long one. */
const LIFE_CALLS = [20, 200] as const
const MAX_TURNS = 20_000
const RUNNERS = 4

export interface SimulationOptions {
  readonly seed: number
  readonly sabotage?: Sabotage
  /** Breaks a rule of the contract. */
  readonly breakTill?: (state: TillState, before: TillState) => TillState
}

/** An API key that its owner has. */
export interface OwnedKey {
  readonly owner: Owner
  readonly id: KeyId
  text: string
}

/** A request as the world outside the gateway knows it. */
interface Known {
  readonly client: ClientModel
  readonly life: number
}

export const ADMIN = tonAddress(`0:${'aa'.repeat(32)}`)
export const USER = tonAddress(`0:${'bb'.repeat(32)}`)

/** A gateway with its world, all of it from one seed. `acts.ts` says what happens to it. */
export class Simulation {
  readonly dice: Dice
  readonly registry = new RegistryModel()
  readonly runners: RunnerModel[] = []
  readonly owners: Owner[] = []
  readonly keys: OwnedKey[] = []
  /** Keys' texts that open nothing any more, from a moment of the gateway's clock on. */
  readonly takenBack: { readonly text: string; readonly from: number }[] = []
  readonly clients = new Set<ClientModel>()
  readonly chain: ChainModel
  /** A chain that never was, while the gateway's provider shows it. */
  liar: ChainModel | undefined
  readonly faults: ProviderFaults = noFaults()
  readonly network: Network
  readonly shadow: Shadow
  readonly journal = new Journal()
  readonly signed = new Map<string, SignedReceipt>()
  /** Which runner worked on which attempt. */
  readonly #served = new Map<string, RunnerModel>()
  readonly requests = new Map<string, Known>()
  /** Requests whose client was told that nothing came of them. */
  readonly refused = new Set<string>()
  /** When each session's keys end. */
  readonly sessions = new Map<SessionId, { readonly until: number; readonly image: string }>()
  /** Images that the gateway has read to be revoked. */
  readonly knownRevoked = new Set<string>()
  meter: Signer = quickKey('meter 0')
  /** Every meter key that was ever announced. */
  readonly meters = new Map<string, Signer>()
  /** How far the gateway's clock is off. */
  skewMs = 0
  /** Images that hosts upgraded to. */
  images = 0
  crashes = 0
  steps = 0
  failure: Error | undefined
  isCalm = false
  process: GatewayProcess
  readonly #disk = new Disk()
  readonly #options: SimulationOptions
  readonly #provider = quickProvider()
  readonly #gasKey = new Uint8Array(keyPairFromSeed(Buffer.alloc(32, 7)).secretKey)

  constructor(options: SimulationOptions) {
    this.#options = options
    this.dice = openDice(options.seed)
    this.meters.set(meterHex(this.meter), this.meter)
    const rules = tillRules()
    this.chain = new ChainModel(rules, newTill(meterHex(this.meter)), START, options.breakTill)
    this.network = new Network(this.dice, (url) =>
      this.runners.find(({ id }) => url === `http://${id}.simulation`),
    )
    this.shadow = new Shadow({
      mayWork: (op) => this.#mayWork(op),
      isReal: (op, hold) => this.#isReal(op, hold),
      chainAccount: (id) => this.chain.account(id),
      creditedBy: (lt) => this.chain.credits.get(lt),
      position: (transaction) => this.chain.position(transaction),
      payeePaid: (payee) => this.chain.till.payees.get(payee) ?? 0n,
      hostsPart: () => this.hostsPart(),
    })
    this.#addRunners()
    this.process = this.#start()
    this.chain.fund(this.process.wallet, parseTon('100000'))
  }

  #addRunners(): void {
    for (let i = 0; i < RUNNERS; i++) {
      const image = `${i < 2 ? 'a' : 'b'}${'0'.repeat(63)}`
      this.registry.add(image, START - DAY)
      const world = {
        dice: this.dice,
        provider: this.#provider,
        now: () => this.chain.now,
        signed: this.signed,
        sessions: this.#options.sabotage?.sessions ?? ((table: SessionTable) => table),
        reborn: this.#options.sabotage?.reborn ?? (() => undefined),
        onServed: (
          runner: RunnerModel,
          { request, attempt }: { request: string; attempt: number },
        ) => {
          const name = nameOf({ request, attempt })
          if (this.#served.has(name)) this.fail(`${name} is served twice`)
          this.#served.set(name, runner)
        },
      }
      const payee = tonAddress(`0:${`c${i}`.repeat(32)}`)
      const dishonesty = i === RUNNERS - 1 ? 0.4 : 0.02
      const said = { id: runnerId(`run_${i}`), image, payee, dishonesty }
      this.runners.push(new RunnerModel(world, said))
    }
  }

  get payees(): readonly TonAddress[] {
    return this.runners.map(({ payee }) => payee)
  }

  readonly clock: Clock = () => unixMs(this.chain.now * 1000 + this.skewMs)

  get at(): UnixMs {
    return this.clock()
  }

  fail(what: string): void {
    this.failure ??= new SimulationFailure(what)
  }

  /** What the Till took from accounts less its fees: what hosts may have in all. */
  hostsPart(): bigint {
    const { pool, held, payees } = this.chain.till
    let paid = 0n
    for (const amount of payees.values()) paid += amount
    return pool + held + paid
  }

  #start(): GatewayProcess {
    const { sabotage = {} } = this.#options
    const { dice } = this
    const store = this.#disk.open()
    if (sabotage.script !== undefined && this.crashes === 0) store.script(sabotage.script)
    const calls = this.isCalm ? Number.POSITIVE_INFINITY : 1 + dice.below(dice.pick(LIFE_CALLS))
    const life = new Life({
      dice,
      disk: this.#disk,
      calls,
      onApplied: (ops, results) => this.#applied(ops, results),
      onBroken: (error) => {
        this.failure ??= new SimulationFailure('the ledger failed by itself', {
          cause: error.cause,
        })
      },
    })
    return startProcess({
      store,
      path: this.#disk.path,
      life,
      provider: this.#provider,
      chain: (this.liar ?? this.chain).provider(this.faults),
      witness: this.chain.provider(noFaults()),
      registry: this.registry,
      upstream: this.network.upstream,
      meter: this.meter,
      gasKey: this.#gasKey,
      clock: this.clock,
      random: (length) => dice.bytes(length),
      chance: dice.next,
      log: () => {},
      sabotage,
    })
  }

  #applied(ops: readonly Op[], results: readonly Result[]): void {
    try {
      this.shadow.apply(ops, results)
    } catch (error) {
      this.failure ??= error instanceof Error ? error : new Error(String(error))
    }
  }

  /** Runs one act to its end, or to the end of the process. */
  async step(act: (simulation: Simulation) => Promise<void> | void): Promise<void> {
    this.steps++
    if (this.dice.chance(0.5)) this.process.life.runPatient()
    await this.run(() => act(this))
    await this.quiesce()
    while (this.process.life.isDead && this.failure === undefined) await this.revive()
    this.#throwFailure()
    assertBooks(this)
    this.#throwFailure()
  }

  #throwFailure(): void {
    if (this.failure !== undefined) throw this.failure
  }

  /** Turns the event loop until the work is done or its process is dead. */
  async run(work: () => Promise<void> | void): Promise<void> {
    const { life } = this.process
    let isDone = false
    Promise.resolve()
      .then(work)
      .catch((error: unknown) => {
        if (!life.isDead) this.#tolerate(error)
      })
      .finally(() => {
        isDone = true
      })
    for (let turns = 0; !isDone && !life.isDead; turns++) {
      await turn()
      // Nothing moves any more but what waits for company.
      if (turns > 2 && !life.isBusy) life.runPatient()
      if (turns > MAX_TURNS) throw new SimulationFailure('an act does not end')
    }
  }

  /** A provider's fault, or a refusal, ends an act as it ends a job or a request. */
  #tolerate(error: unknown): void {
    if (error instanceof MoneyError || TOLERATED.has(nameOfError(error))) return
    this.failure ??= error instanceof Error ? error : new Error(String(error))
  }

  /** Until nobody waits for disk or chain. */
  async quiesce(): Promise<void> {
    const { life } = this.process
    do await turn()
    while (life.isBusy)
    await turn()
  }

  /** The process starts again on what the disk has. */
  async revive(): Promise<void> {
    this.crashes++
    for (const client of this.clients) client.leave()
    this.clients.clear()
    this.network.cutAll()
    this.process = this.#start()
    await this.run(async () => {
      await this.process.allowlist.refresh()
      await appraise(this.process, this.at)
    })
    await this.quiesce()
    if (!this.process.life.isDead) assertBooks(this, 'all')
  }

  /** The operator stops it and starts it again, with what is configured now. */
  async restart(): Promise<void> {
    this.process.life.kill()
    await this.revive()
  }

  /** Nothing dies or fails any more. */
  async calm(): Promise<void> {
    this.isCalm = true
    Object.assign(this.faults, noFaults())
    this.liar = undefined
    Object.assign(this.registry, { unavailable: 0, behind: 0 })
    this.skewMs = 0
    await this.restart()
    while (this.process.life.isDead) await this.revive()
  }

  assertEverything(): Promise<void> {
    return assertEverything(this)
  }

  close(): void {
    this.#disk.remove()
  }

  #mayWork({ terms }: Reserve): void {
    const session = this.sessions.get(terms.session)
    const runner = this.runners.find(({ id }) => id === terms.runner)
    need(session !== undefined && runner !== undefined, `${terms.session} is nobody's session`)
    need(runner.payee === terms.payee, `${terms.runner} is paid at another wallet`)
    need(!this.knownRevoked.has(session.image), `${terms.runner} works with a revoked image`)
    need(session.until * 1000 > this.at, `${terms.runner} works with keys that have ended`)
    const isKnown = this.registry.readings.some((readAt) => {
      const age = this.at - readAt
      return age <= VERDICT_SECONDS * 1000 && age >= -SET_BACK_MS
    })
    need(isKnown, `${terms.runner} works while nobody has read the Registry for long`)
  }

  #isReal(op: Settle, hold: Reserve): void {
    const name = nameOf(op)
    // Sound: `settle-receipt.ts` writes the whole receipt.
    const { signature } = JSON.parse(op.receipt) as { signature: string }
    const signed = this.signed.get(signature)
    need(signed !== undefined, `${name} is charged by a receipt that no runner signed`)
    need(signed.runner === hold.terms.runner, `${name} is charged by another runner's receipt`)
    const server = this.#served.get(name)
    // A host that broke off after its receipt, asked again, may have lied in that receipt that it was of the next attempt. Its lie
    // is within its own hold, as one about tokens is, and after a crash nobody remembers that it did not answer.
    const before = this.#served.get(nameOf({ request: op.request, attempt: op.attempt - 1 }))
    const isOfTheLast = signed.lie === 'another attempt' && before?.id === hold.terms.runner
    const isServed = server?.id === hold.terms.runner || isOfTheLast
    need(isServed, `${name} is charged and was not served`)
    need(!this.refused.has(op.request), `${op.request} is charged and its client got an error`)
    need(!this.process.life.kept.has(name), `${name} is charged and was to be given back`)
    const known = this.requests.get(op.request)
    if (known === undefined || known.life !== this.crashes || known.client.gone) return
    const { client } = known
    if (!client.isOver || !client.tail.includes('runner_lost')) return
    const seen = op.usage.completion_tokens <= client.bytes
    need(seen, `${name} is charged for more than its client got`)
  }
}

/** A clock that was set back less than this makes no verdict old. */
const SET_BACK_MS = 61_000

/** Refusals that acts meet and do not care about. */
const TOLERATED = new Set(['ApiError', 'AccountError', 'LedgerError', 'DiskFull'])

function nameOfError(error: unknown): string {
  return error instanceof Error ? error.constructor.name : ''
}

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve))

function tillRules(): TillRules {
  return {
    address: TILL,
    admin: ADMIN,
    exitDelay: DAY,
    rotationDelay: 4 * DAY,
    holdDays: 0,
    dailyCap: parseTon('0.3'),
    maxFeeBps: 1_000,
    salt: new Uint8Array(32).fill(1),
    verify: (hash, signature, key) => quickVerify(Buffer.from(key, 'hex'), hash, signature),
  }
}

export const meterHex = (meter: Signer): string => Buffer.from(meter.publicKey).toString('hex')
