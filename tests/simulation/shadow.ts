import type { AccountId, KeyId, RequestId } from '#gateway/db/ids.ts'
import { CHEQUE_AHEAD } from '#gateway/ledger/cheque.ts'
import type { KeyBudget, Op, OpName, OpOf, Reserve, Result, Settle } from '#gateway/ledger/port.ts'
import { windowsOf } from '#gateway/ledger/windows.ts'
import type { TransactionId } from '#gateway/money/chain.ts'
import { need, SimulationFailure } from './need.ts'

/** One attempt as its results say that it stands. */
export interface ShadowHold {
  readonly op: Reserve
  state: 'open' | 'lapsed' | 'void' | 'settled'
  cost: bigint
}

export interface ShadowAccount {
  readonly id: AccountId
  mode: 'managed' | 'sovereign'
  credited: bigint
  paidOut: bigint
  collected: bigint
  settled: bigint
  held: bigint
  debt: bigint
  cheque: bigint
  charged: bigint
  exitAt: number | null
  cap: { left: bigint; daily: bigint; resets: number } | null
  seqno: number
  /** Where each settlement ends in `settled`, whose share it is. */
  readonly ends: { readonly until: bigint; readonly payee: string; readonly share: bigint }[]
}

export interface ShadowHost {
  earned: bigint
  collected: bigint
  vouchered: bigint
  redeemed: bigint
}

interface ShadowKey {
  readonly account: AccountId
  budget: KeyBudget | null
  held: bigint
  /** By day. */
  readonly spent: Map<number, bigint>
}

/** What only the simulated world knows; each throws when it is not as the ledger was told. */
export interface Facts {
  /** The runner of these terms may get work now. */
  mayWork(op: Reserve): void
  /** This receipt is the runner's own word, about work that it was asked to do. */
  isReal(op: Settle, hold: Reserve): void
  /** The true counters of an account on chain, now: they only grow. */
  chainAccount(id: AccountId): { credit: bigint; debit: bigint; paidOut: bigint }
  /** How many transactions the Till has up to this one; undefined: it never had it. */
  position(transaction: TransactionId): number | undefined
  payeePaid(payee: string): bigint
  /** The account that a transaction credited, and its whole credit after it. */
  creditedBy(lt: bigint): { readonly id: AccountId; readonly credit: bigint } | undefined
  /** Everything that the Till took from accounts for hosts: debits without its fees. */
  hostsPart(): bigint
}

export const ZERO_HOST: Readonly<ShadowHost> = {
  earned: 0n,
  collected: 0n,
  vouchered: 0n,
  redeemed: 0n,
}

const PER_MILLION = 1_000_000n
const BPS = 10_000n
const ceil = (a: bigint, b: bigint): bigint => (a + b - 1n) / b
const sum = (values: readonly bigint[]): bigint => values.reduce((a, b) => a + b, 0n)
const NO_BUDGET: KeyBudget = { total: null, day: null, week: null, month: null }
const PERIODS = ['total', 'day', 'week', 'month'] as const

/**
 * The books once more, as plain sums over what the ledger answered, each answer judged when it is on disk: whatever was accepted
 * had to be. It knows nothing of SQL and shares no code with the ledger.
 */
export class Shadow {
  readonly accounts = new Map<AccountId, ShadowAccount>()
  readonly holds = new Map<string, ShadowHold>()
  readonly openHolds = new Set<string>()
  readonly hosts = new Map<string, ShadowHost>()
  readonly keys = new Map<KeyId, ShadowKey>()
  /** What each account has got by the transactions that the cursor has passed. */
  readonly passed = new Map<AccountId, bigint>()
  /** Accounts with an ordered exit. */
  readonly exits = new Set<AccountId>()
  readonly #claims = new Map<string, { request: RequestId; expires: number }>()
  /** The attempt of each request that was charged. */
  readonly charged = new Map<RequestId, number>()
  readonly #attempts = new Map<RequestId, ShadowHold[]>()
  /** Accounts and hosts that changed since they were last compared. */
  readonly dirty = new Set<AccountId>()
  commission = 0n
  settlements = 0
  #cursor: string | null = null
  /** Transactions that the cursor has passed. */
  #position = 0
  readonly #events = new Set<string>()
  readonly #facts: Facts

  constructor(facts: Facts) {
    this.#facts = facts
  }

  apply(ops: readonly Op[], results: readonly Result[]): void {
    ops.forEach((op, i) => {
      const result = results[i]
      if (result === undefined) throw new SimulationFailure(`${op.op} has no result`)
      // Sound: the table pairs each name with the judge of that operation.
      const judge = JUDGES[op.op] as ((shadow: Shadow, op: Op, result: Result) => void) | undefined
      judge?.(this, op, result)
    })
  }

  account(id: AccountId): ShadowAccount {
    const known = this.accounts.get(id)
    if (known !== undefined) return known
    throw new SimulationFailure(`account ${id} is not known here`)
  }

  host(payee: string): ShadowHost {
    const known = this.hosts.get(payee)
    if (known !== undefined) return known
    const made = { ...ZERO_HOST }
    this.hosts.set(payee, made)
    return made
  }

  available({ credited, paidOut, settled, held, debt }: ShadowAccount): bigint {
    return credited - paidOut - settled - held + debt
  }

  open(id: AccountId, mode: ShadowAccount['mode']): void {
    if (this.accounts.has(id)) return
    this.accounts.set(id, {
      id,
      mode,
      credited: 0n,
      paidOut: 0n,
      collected: 0n,
      settled: 0n,
      held: 0n,
      debt: 0n,
      cheque: 0n,
      charged: 0n,
      exitAt: null,
      cap: null,
      seqno: 0,
      ends: [],
    })
    this.dirty.add(id)
  }

  /** With all that it owned: what comes again under its id begins anew. */
  forget(id: AccountId): void {
    this.accounts.delete(id)
    this.dirty.delete(id)
    for (const name of this.#claims.keys()) {
      if (name.startsWith(`${id} `)) this.#claims.delete(name)
    }
  }

  repay(account: ShadowAccount): void {
    const available = this.available(account)
    const repaid = [available, account.debt].toSorted((a, b) => (a < b ? -1 : 1))[0]
    account.debt -= repaid ?? 0n
    this.dirty.add(account.id)
  }

  reserve(op: Reserve): void {
    const name = nameOf(op)
    const known = this.holds.get(name)
    if (known !== undefined) {
      const same = known.state === 'open' && known.op.amount === op.amount
      need(same && known.op.account === op.account, `${name} is reserved twice`)
      return
    }
    const account = this.account(op.account)
    this.#facts.mayWork(op)
    need(op.amount >= 0n, `${name} reserves less than nothing`)
    need(!this.exits.has(op.account) && account.exitAt === null, `${name} is of a closed account`)
    const ahead = account.mode === 'sovereign' ? CHEQUE_AHEAD : 0n
    const isExplained = account.collected <= account.settled + ahead
    need(isExplained, `${name} is of an account that owes no debit`)
    need(op.amount <= this.available(account), `${name} reserves more than there is`)
    if (account.mode === 'managed')
      need(op.amount <= capOf(account, op.at), `${name} is over the cap`)
    else {
      const uncovered = account.settled + account.held - account.cheque
      need(uncovered <= op.amount, `${name} is held while more than one hold is uncovered`)
    }
    this.#withinBudget(op.key, op.amount, { at: op.at, name })
    this.#hold(op.key, op.amount)
    account.held += op.amount
    const hold: ShadowHold = { op, state: 'open', cost: 0n }
    this.holds.set(name, hold)
    this.openHolds.add(name)
    const others = this.#attempts.get(op.request) ?? []
    need(!others.some(({ state }) => state === 'open'), `${op.request} holds twice`)
    this.#attempts.set(op.request, [...others, hold])
    this.dirty.add(op.account)
  }

  settle(op: Settle, result: Extract<Result, { cost: bigint }>): void {
    const name = nameOf(op)
    const hold = this.holds.get(name)
    if (hold === undefined) throw new SimulationFailure(`${name} is settled without a hold`)
    if (result.duplicate) {
      need(hold.state === 'settled' && hold.cost === result.cost, `${name} repeats another cost`)
      return
    }
    need(hold.state === (result.late ? 'lapsed' : 'open'), `${name} is settled while ${hold.state}`)
    const before = this.charged.get(op.request)
    need(before === undefined, `${op.request} is charged for attempts ${before} and ${op.attempt}`)
    const { runner, payee } = hold.op.terms
    need(op.runner === runner && op.payee === payee, `${name} is settled for another runner`)
    this.#facts.isReal(op, hold.op)
    const account = this.account(op.account)
    const cost = costAt(op, hold.op)
    need(result.cost === cost, `${name} costs ${result.cost}, not ${cost}`)
    const commission = ceil(cost * BigInt(hold.op.terms.commissionBps), BPS)
    need(result.commission === commission, `${name} takes another commission`)
    if (result.late) {
      need(cost <= this.available(account), `${name} is late and takes more than there is`)
      this.#withinBudget(hold.op.key, cost, { at: op.at, name })
    } else {
      account.held -= hold.op.amount
      this.#hold(hold.op.key, -hold.op.amount)
    }
    const key = hold.op.key === null ? undefined : this.keys.get(hold.op.key)
    const { day } = windowsOf(op.at)
    key?.spent.set(day, (key.spent.get(day) ?? 0n) + cost)
    account.settled += cost
    hold.state = 'settled'
    this.openHolds.delete(name)
    hold.cost = cost
    this.charged.set(op.request, op.attempt)
    this.commission += commission
    this.settlements++
    this.#earn(account, { payee: op.payee, share: cost - commission })
    this.repay(account)
  }

  #earn(account: ShadowAccount, { payee, share }: { payee: string; share: bigint }): void {
    const host = this.host(payee)
    host.earned += share
    // A debit on chain may have run ahead of our books.
    if (account.settled <= account.collected) host.collected += share
    else account.ends.push({ until: account.settled, payee, share })
  }

  end(name: string, state: 'void' | 'lapsed'): void {
    const hold = this.holds.get(name)
    if (hold === undefined || hold.state === 'settled' || hold.state === 'void') return
    if (hold.state === 'open') {
      const account = this.account(hold.op.account)
      account.held -= hold.op.amount
      this.#hold(hold.op.key, -hold.op.amount)
      this.repay(account)
    }
    hold.state = state
    this.openHolds.delete(name)
  }

  lapse(now: number): number {
    for (const [name, { expires }] of this.#claims) {
      if (expires <= now) this.#claims.delete(name)
    }
    let lapsed = 0
    for (const name of this.openHolds) {
      if ((this.holds.get(name)?.op.deadline ?? 0) > now) continue
      this.end(name, 'lapsed')
      lapsed++
    }
    return lapsed
  }

  mirror(op: OpOf<'mirror_account'>, result: Extract<Result, { credited: bigint }>): void {
    this.open(op.account, op.mode)
    const account = this.account(op.account)
    const truth = this.#facts.chainAccount(op.account)
    need(op.credit <= truth.credit, `${op.account} is credited more than the Till has`)
    need(op.debit <= truth.debit, `${op.account} is said to be debited more than it is`)
    need(op.paidOut <= truth.paidOut, `${op.account} is said to have left with more than it did`)
    const grown = op.credit > account.credited ? op.credit - account.credited : 0n
    need(result.credited === grown, `${op.account} is credited ${result.credited}, not ${grown}`)
    account.credited += grown
    const paid = op.paidOut > account.paidOut ? op.paidOut - account.paidOut : 0n
    const spendable = this.available(account)
    account.paidOut += paid
    if (paid > spendable) account.debt += paid - spendable
    if (op.debit > account.collected) this.#collect(account, op.debit)
    if (op.seqno >= account.seqno) {
      account.exitAt = op.exitAt
      account.cap = op.cap
      account.seqno = op.seqno
    }
    this.repay(account)
  }

  #collect(account: ShadowAccount, until: bigint): void {
    account.collected = until
    while (account.ends[0] !== undefined && account.ends[0].until <= until) {
      const end = account.ends.shift()
      if (end !== undefined) this.host(end.payee).collected += end.share
    }
  }

  voucher({ payee, cumulative }: OpOf<'record_voucher'>): void {
    const host = this.host(payee)
    need(cumulative <= host.collected, `${payee} has a voucher beyond what is collected`)
    if (cumulative > host.vouchered) host.vouchered = cumulative
    const all = sum([...this.hosts.values()].map(({ vouchered }) => vouchered))
    need(all <= this.#facts.hostsPart(), 'vouchers promise more than the Till took for hosts')
  }

  redeem({ payee, redeemed }: OpOf<'mirror_host'>): void {
    need(redeemed <= this.#facts.payeePaid(payee), `${payee} is said to have more than it has`)
    const host = this.host(payee)
    if (redeemed > host.redeemed) host.redeemed = redeemed
  }

  advance({ from, to, events }: OpOf<'advance_cursor'>): void {
    const stood = from === null ? null : `${from.lt}:${from.hash}`
    need(stood === this.#cursor, 'the cursor moves from where it was not')
    this.#cursor = `${to.lt}:${to.hash}`
    const position = this.#facts.position(to)
    need(position !== undefined, 'the cursor moves to where the chain never was')
    this.#position += events.length
    need(position === this.#position, `of ${position} transactions ${this.#position} are known`)
    for (const { lt } of events) {
      need(!this.#events.has(String(lt)), `transaction ${lt} is taken over twice`)
      this.#events.add(String(lt))
      const passed = this.#facts.creditedBy(lt)
      if (passed === undefined) continue
      this.passed.set(passed.id, passed.credit)
      this.dirty.add(passed.id)
    }
  }

  claim(op: OpOf<'claim_once'>): void {
    const name = `${op.account} ${op.name}`
    const known = this.#claims.get(name)
    const free = known === undefined || known.expires <= Math.floor(op.at / 1000)
    need(free, `${op.name} is taken for ${op.request} and ${known?.request}`)
    this.#claims.set(name, { request: op.request, expires: op.expires })
  }

  drop(op: OpOf<'drop_claim'>): void {
    const name = `${op.account} ${op.name}`
    if (this.#claims.get(name)?.request !== op.request) return
    const attempts = this.#attempts.get(op.request) ?? []
    const lives = attempts.some(({ state }) => state === 'open' || state === 'settled')
    if (!lives || op.evenIfHeld) this.#claims.delete(name)
  }

  #hold(key: KeyId | null, amount: bigint): void {
    const known = key === null ? undefined : this.keys.get(key)
    if (known !== undefined) known.held += amount
  }

  #withinBudget(
    id: KeyId | null,
    amount: bigint,
    { at, name }: { readonly at: Reserve['at']; readonly name: string },
  ): void {
    const key = id === null ? undefined : this.keys.get(id)
    if (key?.budget == null) return
    const starts = { total: 0, ...windowsOf(at) }
    for (const period of PERIODS) {
      const most = key.budget[period]
      if (most === null) continue
      const counted = [...key.spent].filter(([day]) => day >= starts[period])
      const spent = sum(counted.map(([, cost]) => cost))
      need(spent + key.held + amount <= most, `${name} overspends its key's budget (${period})`)
    }
  }
}

function capOf(account: ShadowAccount, at: number): bigint {
  const { cap } = account
  if (cap === null) return account.credited
  const left = cap.resets <= Math.floor(at / 1000) ? cap.daily : cap.left
  return left - (account.settled - account.collected) - account.held
}

function costAt({ usage }: Settle, { terms, amount }: Reserve): bigint {
  const { input, cached, output } = terms.price
  const fresh = BigInt(usage.prompt_tokens - usage.cached_tokens) * input
  const rest = BigInt(usage.cached_tokens) * cached + BigInt(usage.completion_tokens) * output
  const cost = ceil(fresh + rest, PER_MILLION)
  return cost < amount ? cost : amount
}

export function nameOf({ request, attempt }: { request: string; attempt: number }): string {
  return `${request}.${attempt}`
}

type Judge<Name extends OpName> = (shadow: Shadow, op: OpOf<Name>, result: Result) => void
type Judges = { readonly [Name in OpName]?: Judge<Name> }

const JUDGES: Judges = {
  open_account: (shadow, op) => shadow.open(op.account, op.mode),
  expire_accounts: (shadow, _, result) => {
    if (!('expired' in result)) return
    for (const id of result.expired) {
      const account = shadow.account(id)
      const sums = account.credited + account.settled + account.held + account.paidOut
      need(sums === 0n, `${id} is forgotten with money`)
      shadow.forget(id)
    }
  },
  add_key: (shadow, { account, key }, { ok }) => {
    if (ok) shadow.keys.set(key.id, { account, budget: key.budget, held: 0n, spent: new Map() })
  },
  change_key: (shadow, { id, budget }, { ok }) => {
    const key = shadow.keys.get(id)
    if (!ok || key === undefined || budget === undefined) return
    // A period that is not named keeps its limit.
    key.budget = budget === null ? null : { ...NO_BUDGET, ...key.budget, ...budget }
  },
  claim_once: (shadow, op, { ok }) => {
    if (ok) shadow.claim(op)
  },
  drop_claim: (shadow, op) => shadow.drop(op),
  reserve: (shadow, op, { ok }) => {
    if (ok) shadow.reserve(op)
  },
  settle: (shadow, op, result) => {
    if ('cost' in result) shadow.settle(op, result)
    const hold = shadow.holds.get(nameOf(op))
    const own = hold?.op.terms.runner === op.runner && hold.op.terms.payee === op.payee
    const refused = !result.ok && hold?.state === 'open' && own
    need(!refused || hold?.op.account !== op.account, `${nameOf(op)} is due and was refused`)
  },
  release: (shadow, op, result) => {
    const name = nameOf(op)
    const isOpen = shadow.holds.get(name)?.state === 'open'
    if ('released' in result) need(result.released === isOpen, `${name} is released wrongly`)
    if (result.ok) shadow.end(name, 'void')
  },
  maintain: (shadow, { now }, result) => {
    const lapsed = shadow.lapse(now)
    need('lapsed' in result && result.lapsed === lapsed, `not ${lapsed} holds have lapsed`)
  },
  mirror_account: (shadow, op, result) => {
    if ('credited' in result) shadow.mirror(op, result)
  },
  accept_cheque: (shadow, { account: id, cumulative }, { ok }) => {
    if (!ok) return
    const account = shadow.account(id)
    need(account.mode === 'sovereign', `${id} is not sovereign and has a cheque`)
    const most = account.credited - account.paidOut
    need(cumulative <= most, `${id} has a cheque beyond its money`)
    if (cumulative > account.cheque) account.cheque = cumulative
    shadow.dirty.add(id)
  },
  record_charge: (shadow, { items }, { ok }) => {
    if (!ok) return
    for (const { account: id, cumulative } of items) {
      const account = shadow.account(id)
      need(cumulative <= account.settled, `${id} is charged for more than was settled`)
      if (cumulative > account.charged) account.charged = cumulative
    }
  },
  record_voucher: (shadow, op, { ok }) => {
    if (ok) shadow.voucher(op)
  },
  mirror_host: (shadow, op) => shadow.redeem(op),
  advance_cursor: (shadow, op, { ok }) => {
    if (ok) shadow.advance(op)
  },
  order_exit: (shadow, { account }, { ok }) => {
    if (ok) shadow.exits.add(account)
  },
  close_exit: (shadow, { account }) => {
    shadow.exits.delete(account)
  },
  sign_final: (shadow, { account: id, debit }, { ok }) => {
    if (!ok) return
    const account = shadow.account(id)
    need(account.held === 0n, `${id} leaves while requests are open`)
    need(account.settled <= debit, `${id} leaves for less than it used`)
  },
}
