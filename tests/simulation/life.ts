import type { Store } from '#gateway/db/db.ts'
import type { LedgerCore } from '#gateway/ledger/core.ts'
import { groupCommit } from '#gateway/ledger/group-commit.ts'
import type { Ledger, Op, Result } from '#gateway/ledger/port.ts'
import type { Chain } from '#gateway/money/chain.ts'
import type { SqliteStore } from '#gateway/node/open-sqlite.ts'
import type { Dice } from './dice.ts'
import type { Disk } from './disk.ts'
import { nameOf } from './shadow.ts'

/** Thrown where a dead process would go on: whoever catches it talks to nobody any more. */
class Dead extends Error {}
/** What SQLite says of a full disk. */
class DiskFull extends Error {
  readonly code = 'SQLITE_FULL'
}

/** Where in a transaction the process dies. */
type Death = 'before' | 'torn' | 'after'

export interface LifeOptions {
  readonly dice: Dice
  readonly disk: Disk
  /** Calls to chain or disk until the process dies; infinite: it lives until it is told. */
  readonly calls: number
  /** Told each call of the ledger that is on disk, in order. */
  readonly onApplied: (ops: readonly Op[], results: readonly Result[]) => void
  /** A call of the ledger failed though nobody made the disk fail. */
  readonly onBroken: (error: Error) => void
}

/**
 * One life of a gateway's process: every way out of it, to chain and disk, is a place to die. A dead process gets no answers,
 * its tasks never run, and nothing that it does reaches anybody.
 */
export class Life {
  readonly #options: LifeOptions
  #callsLeft: number
  #isDead = false
  readonly #died = Promise.withResolvers<'died'>()
  #waiting = 0
  #patient: (() => void)[] = []
  /** Transactions that will fail as on a full disk. */
  failing = 0
  /** Transactions in which a hold would be given back, and which will fail as on a full disk. */
  failingReleases = 0
  /** Attempts whose holds this process meant to give back, and the disk was full. */
  readonly kept = new Set<string>()
  #failsNow = false
  #isApplying = false

  constructor(options: LifeOptions) {
    this.#options = options
    this.#callsLeft = options.calls
  }

  get isDead(): boolean {
    return this.#isDead
  }

  /** Resolves at the end of this life. */
  get died(): Promise<'died'> {
    return this.#died.promise
  }

  /** Something was asked and is not answered. */
  get isBusy(): boolean {
    return !this.#isDead && this.#waiting > 0
  }

  /** From now on the process never dies by itself. */
  spare(): void {
    this.#callsLeft = Number.POSITIVE_INFINITY
    this.mend()
  }

  /** The disk has room again. */
  mend(): void {
    this.failing = 0
    this.failingReleases = 0
  }

  kill(leaves: Parameters<Disk['crash']>[0] = 'everything'): void {
    if (this.#isDead) return
    this.#isDead = true
    this.#patient = []
    this.#options.disk.crash(leaves, this.#options.dice)
    this.#died.resolve('died')
  }

  #dies(): boolean {
    return --this.#callsLeft <= 0
  }

  /** A call that leaves the process; it may die before the call has an effect, or before it has the answer. */
  async #out<T>(call: () => Promise<T>): Promise<T> {
    if (this.#isDead) return never()
    const dies = this.#dies()
    if (dies && this.#options.dice.chance(0.5)) {
      this.kill()
      return never()
    }
    this.#waiting++
    try {
      const result = await call()
      if (dies) this.kill()
      return this.#isDead ? never() : result
    } catch (error) {
      if (dies) this.kill()
      if (this.#isDead) return never()
      throw error
    } finally {
      this.#waiting--
    }
  }

  chain(chain: Chain): Chain {
    return {
      head: (...args) => this.#out(() => chain.head(...args)),
      transactions: (...args) => this.#out(() => chain.transactions(...args)),
      runGet: (...args) => this.#out(() => chain.runGet(...args)),
      send: (...args) => this.#out(() => chain.send(...args)),
    }
  }

  /** Other calls over a network. */
  call<T>(work: () => Promise<T>): Promise<T> {
    return this.#out(work)
  }

  /** The disk as this process sees it: a transaction may fail, or be the last thing that it does. */
  store(store: SqliteStore): SqliteStore {
    return {
      ...store,
      db: store.db,
      transaction: (work) => this.#transaction(store, work),
    }
  }

  #transaction<T>(store: Store, work: () => T): T {
    // Only the first transaction of a dying process is its last.
    if (this.#isDead || this.#death !== undefined) throw new Dead()
    if (!this.#isApplying && this.#takesFailure()) throw new DiskFull()
    const death = this.#dies() ? this.#options.dice.pick(DEATHS) : undefined
    if (death === 'torn') this.#options.disk.beforeWrite()
    const result = store.transaction(() => {
      const done = work()
      if (this.#failsNow) throw new DiskFull()
      if (death === 'before') {
        this.kill()
        throw new Dead()
      }
      return done
    })
    this.#death = death
    if (!this.#isApplying && death !== undefined) {
      this.#dieAfterCommit()
      throw new Dead()
    }
    return result
  }

  #takesFailure(): boolean {
    return this.failing > 0 && this.failing-- > 0
  }

  #takesReleaseFailure(calls: readonly (readonly Op[])[]): boolean {
    const givesBack = calls.some((ops) => ops.some(({ op }) => op === 'release'))
    return givesBack && this.failingReleases > 0 && this.failingReleases-- > 0
  }

  /** A lie in a runner's outbox voids its attempt too: that one comes again with the outbox. */
  #noteReleases(ops: readonly Op[], isDone: boolean): void {
    for (const op of ops) {
      if (op.op !== 'release' || op.runner !== undefined) continue
      if (isDone) this.kept.delete(nameOf(op))
      else this.kept.add(nameOf(op))
    }
  }

  /** How the process dies once the transaction that it has just committed is told. */
  #death: Death | undefined

  /** Dies where the transaction said, after the disk has it. @returns whether it still holds */
  #dieAfterCommit(): boolean {
    const death = this.#death
    this.#death = undefined
    if (death === undefined) return true
    this.kill(death === 'torn' ? 'a torn end' : 'everything')
    return death === 'after'
  }

  /** The real group commit over a core whose calls are watched. */
  ledger(core: LedgerCore): Ledger {
    const watched: LedgerCore = {
      apply: (calls) => {
        if (this.#isDead) return []
        this.#failsNow = this.#takesFailure() || this.#takesReleaseFailure(calls)
        this.#isApplying = true
        const outcomes = core.apply(calls)
        this.#isApplying = false
        const failed = this.#failsNow
        this.#failsNow = false
        if (this.#isDead) return []
        const holds = this.#dieAfterCommit()
        calls.forEach((ops, i) => {
          const outcome = outcomes[i]
          if (outcome?.ok && holds) this.#options.onApplied(ops, outcome.results)
          if (outcome?.ok === false && !failed && !this.#isDead) {
            this.#options.onBroken(outcome.error)
          }
          this.#noteReleases(ops, outcome?.ok === true)
        })
        return outcomes
      },
    }
    const later = (task: () => void) => {
      setImmediate(() => {
        if (!this.#isDead) task()
      })
    }
    const ledger = groupCommit(watched, later, {
      patience: (task) => {
        this.#patient.push(task)
      },
    })
    return {
      commit: (ops) => {
        if (this.#isDead) return never()
        this.#waiting++
        const isPatient = ops.every(({ op }) => op === 'settle')
        // A settlement that waits for company holds nobody up.
        if (isPatient) this.#waiting--
        const asked = ledger.commit(ops)
        return asked
          .finally(() => {
            if (!isPatient) this.#waiting--
          })
          .then(
            (results) => (this.#isDead ? never() : results),
            (error: unknown) => {
              if (this.#isDead) return never()
              throw error
            },
          )
      },
    }
  }

  /** Some milliseconds pass: what waited for company goes alone. */
  runPatient(): void {
    if (this.#isDead) return
    for (const task of this.#patient.splice(0)) task()
  }
}

const DEATHS: readonly Death[] = ['before', 'torn', 'after']

function never<T>(): Promise<T> {
  return new Promise<T>(() => {})
}
