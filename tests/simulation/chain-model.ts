import {
  Address,
  beginCell,
  Cell,
  loadMessage,
  loadOutList,
  type TupleItem,
  TupleReader,
} from '@ton/core'
import { unixSeconds } from '#base/brand.ts'
import { nano } from '#base/nano.ts'
import { type AccountId, accountIdFromNumber, accountMode } from '#contracts'
import type { Chain, TransactionId, WalkedTransaction } from '#gateway/money/chain.ts'
import { MoneyError } from '#gateway/money/errors.ts'
import { readTransaction } from '#gateway/money/toncenter.ts'
import type { Dice } from './dice.ts'
import { executeTill } from './till-model.ts'
import {
  GAS,
  type Payment,
  type TillMessage,
  type TillOutcome,
  type TillRules,
} from './till-run.ts'
import {
  type AccountInTill,
  availableOf,
  capLeftOf,
  exitAtOf,
  liabilitiesOf,
  matured,
  NO_ACCOUNT,
  type TillState,
} from './till-state.ts'
import { type StoredTransaction, writeTransaction } from './till-transaction.ts'

/** Blocks that a lagging provider may be behind at most. */
export const MOST_LAG = 8
/** What a Till begins with, for storage. */
const SURPLUS = 2_000_000_000n

interface Wallet {
  readonly seqno: number
  readonly balance: bigint
}

/** What the chain showed at one block. */
interface View {
  readonly seqno: number
  readonly time: number
  readonly till: TillState
  readonly balance: bigint
  readonly transactions: number
  readonly wallets: ReadonlyMap<string, Wallet>
}

/** What goes wrong with one provider; counts run down by themselves. */
export interface ProviderFaults {
  unavailable: number
  dropSends: number
  loseReplies: number
  duplicateSends: number
  /** Sends that reach a block only when `mine` is called. */
  delaySends: number
  /** Pages of history out of order, twice over, with holes or short. */
  mixPages: number
  lag: number
}
export type CountedFault = Exclude<keyof ProviderFaults, 'lag'>

export const noFaults = (): ProviderFaults => ({
  unavailable: 0,
  dropSends: 0,
  loseReplies: 0,
  duplicateSends: 0,
  delaySends: 0,
  mixPages: 0,
  lag: 0,
})

/** One chain with one Till and some wallets, a block for each message and each passing of time. */
export class ChainModel {
  readonly rules: TillRules
  readonly #till: Address
  readonly #history: StoredTransaction[]
  readonly #views: View[]
  readonly #delayed: string[] = []
  readonly #walked = new Map<string, WalkedTransaction>()
  /** Every message that the Till ever got: anybody may send it again. */
  readonly heard: TillMessage[] = []
  /** By logical time: whom a deposit credited, and its whole credit after it. */
  readonly credits = new Map<bigint, { readonly id: AccountId; readonly credit: bigint }>()
  /** Paid out by the Till, by receiver, but for the change that goes back to a sender. */
  readonly paid = new Map<string, bigint>()

  readonly #broken: ((state: TillState, before: TillState) => TillState) | undefined

  /** @param broken what a broken contract makes of the state that the rules made */
  constructor(
    rules: TillRules,
    start: TillState,
    now: number,
    broken?: (state: TillState, before: TillState) => TillState,
  ) {
    this.rules = rules
    this.#broken = broken
    this.#till = Address.parse(rules.address)
    this.#history = []
    const view = { seqno: 1, time: now, till: start, balance: SURPLUS, transactions: 0 }
    this.#views = [{ ...view, wallets: new Map() }]
  }

  /** Another chain with the same past. */
  fork(): ChainModel {
    const other = new ChainModel(this.rules, this.till, this.now)
    other.#history.push(...this.#history)
    other.#views.splice(0, 1, ...this.#views)
    return other
  }

  get #top(): View {
    const view = this.#views.at(-1)
    if (view === undefined) throw new RangeError('a chain without blocks')
    return view
  }

  get now(): number {
    return this.#top.time
  }

  get till(): TillState {
    return this.#top.till
  }

  account(id: AccountId): AccountInTill {
    return this.till.accounts.get(id) ?? NO_ACCOUNT
  }

  /** Everything that the Till holds beyond what it owes. */
  get surplus(): bigint {
    return this.#top.balance - liabilitiesOf(this.till)
  }

  get balance(): bigint {
    return this.#top.balance
  }

  advance(seconds: number): void {
    this.#append({ time: this.now + seconds })
  }

  fund(wallet: string, amount: bigint): void {
    this.#pay(wallet, amount)
  }

  #append(change: Partial<View>): void {
    const top = this.#top
    this.#views.push({ ...top, ...change, seqno: top.seqno + 1 })
    if (this.#views.length > MOST_LAG + 1) this.#views.shift()
  }

  #pay(to: string, value: bigint): void {
    const wallets = new Map(this.#top.wallets)
    const wallet = wallets.get(to) ?? { seqno: 0, balance: 0n }
    wallets.set(to, { ...wallet, balance: wallet.balance + value })
    this.#append({ wallets })
  }

  /** Anybody sends the Till a message. */
  deliver(message: TillMessage): boolean {
    this.heard.push(message)
    const { now } = this
    const outcome = this.#outcomeOf(message, now)
    const back: Payment = { to: message.from, value: message.value - GAS }
    const out = outcome.ok ? outcome.out : message.bounce ? [back] : []
    const previous = this.#history.at(-1)
    const stored = writeTransaction({ till: this.#till, message, outcome, out, previous, now })
    this.#history.push(stored)
    if (outcome.ok) this.#noteCredit(stored.lt, outcome.state)
    const spent = out.reduce((sum, { value }) => sum + value, 0n)
    this.#append({
      till: outcome.ok ? outcome.state : this.till,
      balance: this.balance + message.value - GAS - spent,
      transactions: this.#history.length,
    })
    for (const { to, value } of out) {
      if (this.#top.wallets.has(to)) this.#pay(to, value)
    }
    if (outcome.ok && outcome.out.length === 2) {
      const [payment] = outcome.out
      if (payment !== undefined) {
        this.paid.set(payment.to, (this.paid.get(payment.to) ?? 0n) + payment.value)
      }
    }
    return outcome.ok
  }

  #noteCredit(lt: bigint, after: TillState): void {
    for (const [id, { credit }] of after.accounts) {
      if (credit > this.account(id).credit) this.credits.set(lt, { id, credit })
    }
  }

  /** A provider that shows what never was. */
  pretend(change: (till: TillState) => TillState): void {
    this.#append({ till: change(this.till) })
  }

  #outcomeOf(message: TillMessage, now: number): TillOutcome {
    const outcome = executeTill(this.rules, this.till, message, now)
    if (!outcome.ok || this.#broken === undefined) return outcome
    return { ...outcome, state: this.#broken(outcome.state, this.till) }
  }

  /** How many transactions the Till has up to this one; undefined: it never had it. */
  position({ lt, hash }: TransactionId): number | undefined {
    const at = Number(lt / (this.#history[0]?.lt ?? 1n)) - 1
    return this.#history[at]?.hash === hash ? at + 1 : undefined
  }

  /** Puts what was delayed into blocks, if it still counts. */
  mine(): void {
    for (const boc of this.#delayed.splice(0)) this.#execute(boc)
  }

  /** An external message to a W5 wallet; one that it would not accept vanishes, as in a real pool. */
  #execute(boc: string): void {
    const message = loadMessage(Cell.fromBase64(boc).beginParse())
    if (message.info.type !== 'external-in') return
    const address = message.info.dest.toRawString()
    const wallet = this.#top.wallets.get(address)
    if (wallet === undefined) return
    const body = message.body.beginParse().skip(64)
    const validUntil = body.loadUint(32)
    const seqno = body.loadUint(32)
    if (seqno !== wallet.seqno || validUntil <= this.now) return
    const actions = body.loadMaybeRef()
    const wallets = new Map(this.#top.wallets).set(address, { ...wallet, seqno: seqno + 1 })
    this.#append({ wallets })
    if (actions === null) return
    for (const action of loadOutList(actions.beginParse())) {
      if (action.type !== 'sendMsg' || action.outMsg.info.type !== 'internal') continue
      const { dest, value, bounce } = action.outMsg.info
      if ((this.#top.wallets.get(address)?.balance ?? 0n) < value.coins) continue
      this.#pay(address, -value.coins)
      if (dest.toRawString() !== this.rules.address) continue
      this.deliver({ from: address, value: value.coins, bounce, body: action.outMsg.body })
    }
  }

  /** One provider of this chain, with faults of its own. */
  provider(faults: ProviderFaults): Chain {
    const strikes = (name: CountedFault): boolean => faults[name] > 0 && faults[name]-- > 0
    const see = (): View => {
      if (strikes('unavailable')) throw new MoneyError('unavailable', 'simulated')
      return this.#views.at(-1 - Math.min(faults.lag, this.#views.length - 1)) ?? this.#top
    }
    return {
      head: async (address) => {
        const view = see()
        const { seqno, time } = view
        const shown = { seqno, syncedAt: unixSeconds(time) }
        if (address !== this.rules.address) {
          const wallet = view.wallets.get(address)
          return { last: null, balance: nano(wallet?.balance ?? 0n), active: true, ...shown }
        }
        const last = this.#history[view.transactions - 1]
        const id = last === undefined ? null : { lt: last.lt, hash: last.hash }
        return { last: id, balance: nano(view.balance), active: true, ...shown }
      },
      transactions: async (_address, anchor, limit) => {
        see()
        const page = this.#page(anchor, limit)
        return strikes('mixPages') ? mixed(page, faults.mixPages) : page
      },
      runGet: async (address, method, args) => {
        const view = see()
        const stack = new TupleReader(this.#answer(view, address, method, args))
        return { stack, seqno: view.seqno }
      },
      send: async (boc) => {
        if (strikes('unavailable')) throw new MoneyError('unavailable', 'simulated')
        if (strikes('dropSends')) return
        if (strikes('delaySends')) {
          this.#delayed.push(boc)
          return
        }
        this.#execute(boc)
        if (strikes('duplicateSends')) this.#execute(boc)
        if (strikes('loseReplies')) throw new MoneyError('unavailable', 'simulated')
      },
    }
  }

  #page(anchor: TransactionId, limit: number) {
    // Logical times count up in equal steps from the first.
    const first = this.#history[0]
    const step = first?.lt ?? 1n
    const at = Number(anchor.lt / step) - 1
    const found = this.#history[at]
    if (found === undefined || found.hash !== anchor.hash) {
      throw new MoneyError('gap', `transaction ${anchor.lt} is missing`)
    }
    const page = this.#history.slice(Math.max(0, at + 1 - limit), at + 1).reverse()
    return page.map((stored) => this.#read(stored))
  }

  /** Read once: it never changes. */
  #read({ hash, boc }: StoredTransaction): WalkedTransaction {
    const known = this.#walked.get(hash)
    if (known !== undefined) return known
    const walked = readTransaction(boc)
    this.#walked.set(hash, walked)
    return walked
  }

  #answer(
    view: View,
    address: string,
    method: string,
    [argument]: readonly TupleItem[],
  ): TupleItem[] {
    const { till, time } = view
    if (method === 'seqno') return ints([view.wallets.get(address)?.seqno ?? 0])
    if (method === 'account' && argument?.type === 'int') {
      const id = accountIdFromNumber(argument.value)
      const account = till.accounts.get(id) ?? NO_ACCOUNT
      const isManaged = accountMode(id) === 'managed' && till.accounts.has(id)
      const capLeft = isManaged ? capLeftOf(account, this.rules.dailyCap, time) : 0n
      const { credit, debit, paidOut, nonce } = account
      const numbers = [credit, debit, paidOut, availableOf(account), capLeft]
      return ints([...numbers, nonce, exitAtOf(account, time)])
    }
    if (method === 'payee_paid' && argument?.type === 'slice') {
      const payee = argument.cell.beginParse().loadAddress().toRawString()
      return ints([till.payees.get(payee) ?? 0n])
    }
    if (method === 'totals') {
      const { owed, pool, held, fees, orphans } = matured(till, this.rules.holdDays, time)
      const surplus = view.balance - liabilitiesOf(till)
      return ints([owed, pool, held, fees, orphans, surplus])
    }
    if (method === 'meter_key') return meterKeyOf(till, time)
    if (method === 'status') {
      return ints([till.frozenUntil, till.accounts.size, till.payees.size, till.orphanNonce])
    }
    if (method === 'config') return this.#config()
    throw new MoneyError('refused', method)
  }

  #config(): TupleItem[] {
    const { admin, exitDelay, rotationDelay, holdDays, dailyCap, maxFeeBps } = this.rules
    const cell = beginCell().storeAddress(Address.parse(admin)).endCell()
    const numbers = [exitDelay, rotationDelay, holdDays, dailyCap, maxFeeBps, 1]
    return [{ type: 'slice', cell }, ...ints(numbers)]
  }
}

/** What one provider or another did to a page, newest first. */
function mixed(page: readonly WalkedTransaction[], kind: number): WalkedTransaction[] {
  const [newest, ...rest] = page
  if (newest === undefined) return []
  const others = [rest.toReversed(), [...rest, ...rest], rest.filter((_, i) => i % 2 === 1), []]
  return [newest, ...(others[kind % others.length] ?? [])]
}

function meterKeyOf({ meterKey, previous, pending }: TillState, now: number): TupleItem[] {
  const honoured = previous !== null && now < previous.until ? previous : null
  const number = (key: string | undefined): bigint => (key === undefined ? 0n : BigInt(`0x${key}`))
  return ints([
    number(meterKey),
    number(honoured?.key),
    honoured?.until ?? 0,
    number(pending?.key),
    pending?.at ?? 0,
    pending?.dropPrevious === true ? -1 : 0,
  ])
}

const ints = (values: readonly (bigint | number)[]): TupleItem[] =>
  values.map((value) => ({ type: 'int', value: BigInt(value) }))

/** A fault for a provider that has none. */
export function strike(faults: ProviderFaults, dice: Dice): void {
  const kind = dice.pick([
    'unavailable',
    'dropSends',
    'loseReplies',
    'duplicateSends',
    'delaySends',
    'mixPages',
  ] as const)
  faults[kind] = 1 + dice.below(kind === 'mixPages' ? 8 : 3)
}
