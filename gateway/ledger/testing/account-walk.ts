import fc from 'fast-check'
import { expect } from 'vitest'
import { type UnixMs, type UnixSeconds, unixMs, unixSeconds } from '#base/brand.ts'
import { nano } from '#base/nano.ts'
import type { AccountId } from '../../db/ids.ts'
import { CHEQUE_AHEAD } from '../cheque.ts'
import { MAX_ORDERS } from '../exits.ts'
import type { AccountMode, Ledger, MirrorAccount } from '../port.ts'
import {
  ALICE,
  BOB,
  HOST,
  mirror,
  NOW,
  OTHER_HOST,
  request,
  reserve,
  settle,
  TILL,
} from './fixtures.ts'
import type { Harness } from './harness.ts'
import { walk } from './walk.ts'

/**
 * Deposits, daily caps, collected debits, cheques, exits and what they pay out, requests, settlements, releases, webhooks and
 * restarts in random order, for a managed and a sovereign account, against a model that knows nothing of tables: every
 * answer must be the model's, and so must everything that can be read after it.
 */
const PRICE = 7n

const account = fc.constantFrom(ALICE, BOB)
const amount = fc.bigInt({ min: 0n, max: 300n })
const which = fc.nat(30)
const to = fc.constantFrom(HOST, OTHER_HOST)

const step = fc.oneof(
  fc.record({ do: fc.constant('deposit' as const), account, amount }),
  fc.record({ do: fc.constant('collect' as const), account, percent: fc.nat(100) }),
  fc.record({ do: fc.constant('cap' as const), left: amount, daily: amount, hours: fc.nat(30) }),
  fc.record({ do: fc.constant('uncap' as const) }),
  fc.record({ do: fc.constant('cheque' as const), account, percent: fc.nat(110) }),
  fc.record({ do: fc.constant('order exit' as const), account, to, nonce: fc.nat(1) }),
  fc.record({ do: fc.constant('cancel exit' as const), account, nonce: fc.nat(2) }),
  fc.record({
    do: fc.constant('sign final' as const),
    account,
    more: fc.integer({ min: -1, max: 1 }),
  }),
  fc.record({ do: fc.constant('close exit' as const), account }),
  fc.record({ do: fc.constant('arm' as const), account, armed: fc.boolean() }),
  fc.record({ do: fc.constant('pay out' as const), account, percent: fc.nat(100) }),
  fc.record({ do: fc.constant('request' as const), account, amount }),
  fc.record({ do: fc.constant('request' as const), account, amount }),
  fc.record({ do: fc.constant('request' as const), account, amount }),
  fc.record({ do: fc.constant('settle' as const), which, tokens: fc.nat(60) }),
  fc.record({ do: fc.constant('settle' as const), which, tokens: fc.nat(60) }),
  fc.record({ do: fc.constant('release' as const), which }),
  fc.record({
    do: fc.constant('hook' as const),
    account,
    threshold: fc.option(fc.bigInt({ min: 1n, max: 600n }), { nil: null }),
  }),
  fc.record({ do: fc.constant('look' as const) }),
  fc.record({
    do: fc.constant('tell' as const),
    which,
    how: fc.constantFrom('told', 'failed', 'later'),
  }),
  fc.record({ do: fc.constant('wait' as const), hours: fc.constantFrom(1, 7, 30) }),
  fc.record({ do: fc.constant('restart' as const) }),
)
export const accountWalks = fc.array(step, { minLength: 20, maxLength: 80, size: 'max' })
export type AccountWalk = typeof accountWalks extends fc.Arbitrary<infer T> ? T : never
type Step = AccountWalk[number]
type StepOf<Name extends Step['do']> = Extract<Step, { do: Name }>

interface Hook {
  readonly threshold: bigint
  state: 'armed' | 'due' | 'told' | 'failed'
  event: string
  next: UnixMs
}

class ModelAccount {
  credited = 0n
  held = 0n
  settled = 0n
  collected = 0n
  paidOut = 0n
  cheque = 0n
  cap: { left: bigint; daily: bigint; resets: UnixSeconds } | undefined
  exitAt: UnixSeconds | null = null
  exit: { to: string; nonce: number; cancel: number | null; final: bigint | null } | undefined
  hook: Hook | undefined
  /** When the turns of carried orders that were used come again, Unix seconds. */
  readonly turns: number[] = []
  readonly id: AccountId
  readonly mode: AccountMode

  constructor(id: AccountId, mode: AccountMode) {
    this.id = id
    this.mode = mode
  }

  takesTurn(now: UnixMs): boolean {
    const seconds = Math.floor(now / 1_000)
    for (let turn = 0; turn < MAX_ORDERS; turn++) {
      if ((this.turns[turn] ?? 0) > seconds) continue
      this.turns[turn] = seconds + 86_400
      return true
    }
    return false
  }

  get available(): bigint {
    return this.credited - this.held - this.settled - this.paidOut
  }

  /** Why a request of this amount is not served. */
  refusal(amount: bigint, now: UnixMs): string | undefined {
    if (this.exitAt !== null || this.exit !== undefined) return 'account_closed'
    if (amount > this.available) return 'insufficient_credits'
    if (this.mode === 'sovereign') {
      // Until the next cheque one hold of this size may be uncovered.
      return this.settled + this.held - this.cheque > amount ? 'cheque_due' : undefined
    }
    if (this.cap === undefined) return undefined
    const left = this.cap.resets * 1_000 <= now ? this.cap.daily : this.cap.left
    return left - (this.settled - this.collected) - this.held < amount ? 'daily_cap' : undefined
  }
}

interface ModelHold {
  readonly account: ModelAccount
  readonly amount: bigint
  state: 'open' | 'settled' | 'void'
  cost: bigint
}

class Model {
  now = NOW
  seqno = 1
  readonly alice = new ModelAccount(ALICE, 'managed')
  readonly bob = new ModelAccount(BOB, 'sovereign')
  readonly holds: ModelHold[] = []

  get all(): readonly ModelAccount[] {
    return [this.alice, this.bob]
  }

  of(id: AccountId): ModelAccount {
    return id === ALICE ? this.alice : this.bob
  }

  /** What the Till shows of an account now. */
  seen(of: ModelAccount): MirrorAccount {
    const { cap, exitAt, mode } = of
    return mirror(of.id, of.credited, {
      mode,
      debit: nano(of.collected),
      paidOut: nano(of.paidOut),
      exitAt,
      cap:
        cap === undefined
          ? null
          : { left: nano(cap.left), daily: nano(cap.daily), resets: cap.resets },
      seqno: this.seqno++,
      at: this.now,
    })
  }
}

/** Walks, and checks after each step. */
export async function walkAccounts(
  open: () => Promise<Harness>,
  steps: AccountWalk,
): Promise<void> {
  const model = new Model()
  const before = model.all.map(({ id }) => ({ do: 'deposit', account: id, amount: 500n }) as const)
  await walk<Model, Step>(await open(), { model, before, steps, table: STEPS, compare })
}

const part = (whole: bigint, percent: number): bigint => (whole * BigInt(percent)) / 100n

const STEPS = {
  async deposit(ledger: Ledger, model: Model, { account, amount }: StepOf<'deposit'>) {
    const own = model.of(account)
    own.credited += amount
    const [seen] = await ledger.commit([model.seen(own)])
    expect(seen).toMatchObject({ credited: amount, available: own.available })
  },
  async collect(ledger: Ledger, model: Model, { account, percent }: StepOf<'collect'>) {
    const own = model.of(account)
    const more = part(own.settled - own.collected, percent)
    own.collected += more
    const [seen] = await ledger.commit([model.seen(own)])
    expect(seen).toMatchObject({ credited: 0n, collected: more })
  },
  async cap(ledger: Ledger, model: Model, { left, daily, hours }: StepOf<'cap'>) {
    const resets = unixSeconds(Math.floor(model.now / 1_000) + hours * 3_600)
    model.alice.cap = { left, daily, resets }
    await ledger.commit([model.seen(model.alice)])
  },
  async uncap(ledger: Ledger, model: Model, _: StepOf<'uncap'>) {
    model.alice.cap = undefined
    await ledger.commit([model.seen(model.alice)])
  },
  async cheque(ledger: Ledger, model: Model, { account, percent }: StepOf<'cheque'>) {
    const own = model.of(account)
    const most = own.credited - own.paidOut
    const cumulative = part(most, percent)
    const [said] = await ledger.commit([
      {
        op: 'accept_cheque',
        account,
        feeBps: 500,
        cumulative: nano(cumulative),
        signature: '',
        at: model.now,
      },
    ])
    if (own.mode === 'managed') expect(said).toMatchObject({ code: 'not_sovereign' })
    else if (cumulative > most) expect(said).toMatchObject({ code: 'above_credit' })
    else if (cumulative > own.settled + own.held + CHEQUE_AHEAD)
      expect(said).toMatchObject({ code: 'above_used' })
    else {
      if (cumulative > own.cheque) own.cheque = cumulative
      expect(said).toEqual({ ok: true, cumulative: own.cheque })
    }
  },
  async 'order exit'(ledger: Ledger, model: Model, { account, to, nonce }: StepOf<'order exit'>) {
    const own = model.of(account)
    const order = { to, signature: '' }
    const [said] = await ledger.commit([
      { op: 'order_exit', account, till: TILL, order, nonce, at: model.now },
    ])
    const known = own.exit
    if (known !== undefined && (known.to !== to || known.nonce !== nonce)) {
      expect(said).toEqual({ ok: false, code: 'exit_ordered' })
      return
    }
    if (known === undefined && !own.takesTurn(model.now)) {
      expect(said).toEqual({ ok: false, code: 'too_often' })
      return
    }
    expect(said).toEqual({ ok: true })
    own.exit ??= { to, nonce, cancel: null, final: null }
  },
  async 'cancel exit'(ledger: Ledger, model: Model, { account, nonce }: StepOf<'cancel exit'>) {
    const { exit } = model.of(account)
    const [said] = await ledger.commit([{ op: 'cancel_exit', account, nonce, signature: '' }])
    expect(said.ok).toBe(exit !== undefined)
    if (exit !== undefined) exit.cancel = nonce
  },
  async 'sign final'(ledger: Ledger, model: Model, { account, more }: StepOf<'sign final'>) {
    const own = model.of(account)
    const debit = own.settled + BigInt(more)
    if (debit < 0n) return
    const [said] = await ledger.commit([
      { op: 'sign_final', account, nonce: 1, debit: nano(debit), signature: '' },
    ])
    if (own.exit === undefined) expect(said).toEqual({ ok: false, code: 'no_exit' })
    else if (own.held > 0n || more < 0) expect(said).toEqual({ ok: false, code: 'unsettled' })
    else {
      expect(said).toEqual({ ok: true })
      own.exit.final = debit
    }
  },
  async 'close exit'(ledger: Ledger, model: Model, { account }: StepOf<'close exit'>) {
    model.of(account).exit = undefined
    await ledger.commit([{ op: 'close_exit', account }])
  },
  async arm(ledger: Ledger, model: Model, { account, armed }: StepOf<'arm'>) {
    const own = model.of(account)
    own.exitAt = armed ? unixSeconds(Math.floor(model.now / 1_000) + 86_400) : null
    await ledger.commit([model.seen(own)])
  },
  async 'pay out'(ledger: Ledger, model: Model, { account, percent }: StepOf<'pay out'>) {
    const own = model.of(account)
    own.paidOut += part(own.available, percent)
    const [seen] = await ledger.commit([model.seen(own)])
    expect(seen).toMatchObject({ credited: 0n, available: own.available })
  },
  async request(ledger: Ledger, model: Model, { account, amount }: StepOf<'request'>) {
    const own = model.of(account)
    const [said] = await ledger.commit([
      reserve(model.holds.length, amount, { account, at: model.now }),
    ])
    const code = own.refusal(amount, model.now)
    const { available } = own
    if (code !== undefined) {
      expect(said).toEqual({ ok: false, code, available })
      model.holds.push({ account: own, amount, state: 'void', cost: -1n })
      return
    }
    expect(said).toEqual({ ok: true, available: available - amount })
    own.held += amount
    model.holds.push({ account: own, amount, state: 'open', cost: 0n })
  },
  async settle(ledger: Ledger, model: Model, { which, tokens }: StepOf<'settle'>) {
    const hold = at(model.holds, which)
    if (hold === undefined) return
    const own = hold.account
    const [said] = await ledger.commit([
      settle(which % model.holds.length, tokens, { account: own.id, at: model.now }),
    ])
    if (hold.state === 'settled') {
      expect(said).toMatchObject({ ok: true, duplicate: true, cost: hold.cost })
    } else if (hold.state === 'void') {
      expect(said).toMatchObject({ code: hold.cost < 0n ? 'unknown_attempt' : 'not_charged' })
    } else {
      const asked = BigInt(tokens) * PRICE
      hold.cost = asked < hold.amount ? asked : hold.amount
      hold.state = 'settled'
      own.held -= hold.amount
      own.settled += hold.cost
      expect(said).toMatchObject({ ok: true, duplicate: false, late: false, cost: hold.cost })
    }
  },
  async release(ledger: Ledger, model: Model, { which }: StepOf<'release'>) {
    const hold = at(model.holds, which)
    if (hold === undefined || hold.cost < 0n) return
    const op = { op: 'release', account: hold.account.id, attempt: 1, at: model.now } as const
    const [said] = await ledger.commit([{ ...op, request: request(which % model.holds.length) }])
    expect(said).toEqual({ ok: true, released: hold.state === 'open' })
    if (hold.state !== 'open') return
    hold.state = 'void'
    hold.account.held -= hold.amount
  },
  async hook(ledger: Ledger, model: Model, { account, threshold }: StepOf<'hook'>) {
    const webhook =
      threshold === null
        ? null
        : { url: 'https://hook.example/', secretId: 's', threshold: nano(threshold) }
    await ledger.commit([{ op: 'set_webhook', account, webhook, at: model.now }])
    model.of(account).hook =
      threshold === null ? undefined : { threshold, state: 'armed', event: '', next: model.now }
  },
  async look(ledger: Ledger, model: Model, _: StepOf<'look'>) {
    const due = model.all.flatMap(({ id, hook, available }) => {
      if (hook === undefined) return []
      if (hook.state !== 'armed' && hook.threshold <= available) hook.state = 'armed'
      if (hook.state === 'armed' && hook.threshold > available) {
        hook.state = 'due'
        hook.event = `low_${id}_${model.now}`
        hook.next = model.now
      }
      return hook.state === 'due' && hook.next <= model.now ? [hook.event] : []
    })
    const [said] = await ledger.commit([{ op: 'due_webhooks', at: model.now, limit: 10 }])
    expect(said.due.map(({ event }) => event).sort()).toEqual(due.sort())
  },
  async tell(ledger: Ledger, model: Model, { which, how }: StepOf<'tell'>) {
    const own = at(model.all, which)
    if (own?.hook === undefined) return
    const { hook } = own
    const next = how === 'later' ? unixMs(model.now + 3_600_000) : null
    const said = { account: own.id, event: hook.event, delivered: how === 'told', next }
    await ledger.commit([{ op: 'note_webhook', ...said }])
    if (hook.state !== 'due') return
    if (next !== null) hook.next = next
    else hook.state = how === 'told' ? 'told' : 'failed'
  },
  async wait(_: Ledger, model: Model, { hours }: StepOf<'wait'>) {
    model.now = unixMs(model.now + hours * 3_600_000)
  },
}

const at = <T>(list: readonly T[], index: number): T | undefined =>
  list.length === 0 ? undefined : list[index % list.length]

async function compare(ledger: Ledger, model: Model): Promise<void> {
  for (const own of model.all) {
    const account = own.id
    const [read, exit, hook] = await ledger.commit([
      { op: 'read_account', account },
      { op: 'read_exit', account },
      { op: 'read_webhook', account },
    ])
    const { available, held, credited, settled, collected, paidOut, cheque, exitAt, mode } = own
    const balances = { available, held, credited, settled, collected, paidOut }
    expect(read).toMatchObject({ ok: true, account: { ...balances, cheque, exitAt, mode } })
    expect(shownExit(exit.exit)).toEqual(own.exit)
    expect(hook.webhook?.state).toBe(own.hook?.state)
  }
  const [audit] = await ledger.commit([{ op: 'audit' }])
  expect(audit.broken).toEqual([])
}

function shownExit(
  exit: {
    to: string | null
    nonce: number
    cancel: { nonce: number } | null
    final: { debit: bigint } | null
  } | null,
) {
  if (exit === null) return undefined
  const { to, nonce, cancel, final } = exit
  return { to, nonce, cancel: cancel?.nonce ?? null, final: final?.debit ?? null }
}
