import fc from 'fast-check'
import { expect } from 'vitest'
import { type UnixMs, unixMs, unixSeconds } from '#base/brand.ts'
import { nano } from '#base/nano.ts'
import { type AccountId, type KeyId, keyId } from '../../db/ids.ts'
import { LATE_RECEIPT_S } from '../maintain.ts'
import type { BudgetPeriod, KeyBudget, KeyBudgetPatch, Ledger } from '../port.ts'
import { windowsOf } from '../windows.ts'
import { ALICE, BOB, mirror, NOW, request, reserve, settle } from './fixtures.ts'
import type { Harness } from './harness.ts'
import { testKey } from './key-fixtures.ts'
import { walk } from './walk.ts'

/**
 * Accounts, keys, deposits, requests, settlements, releases, budgets, revocations and restarts in random order,
 * against a model that knows nothing of tables: every answer must be the model's, and so must every balance after it.
 */
const PRICE = 7n
const HOLD_S = 21_600
const PERIODS = ['total', 'day', 'week', 'month'] as const satisfies readonly BudgetPeriod[]

const amount = fc.bigInt({ min: 0n, max: 300n })
const limit = fc.option(fc.bigInt({ min: 0n, max: 900n }).map(nano), { nil: null, freq: 2 })
const limits = { total: limit, day: limit, week: limit, month: limit }
const budget = fc.option(fc.record(limits), { nil: null })
const budgetPatch = fc.option(fc.record(limits, { requiredKeys: [] }), { nil: null })
const account = fc.constantFrom(ALICE, BOB)
const which = fc.nat(30)

const step = fc.oneof(
  fc.record({ do: fc.constant('deposit' as const), account, amount }),
  fc.record({ do: fc.constant('add key' as const), account, budget }),
  fc.record({ do: fc.constant('set budget' as const), which, patch: budgetPatch }),
  fc.record({ do: fc.constant('revoke' as const), which }),
  fc.record({ do: fc.constant('request' as const), account, which, amount }),
  fc.record({ do: fc.constant('request' as const), account, which, amount }),
  fc.record({ do: fc.constant('settle' as const), which, tokens: fc.nat(60) }),
  fc.record({ do: fc.constant('settle' as const), which, tokens: fc.nat(60) }),
  fc.record({ do: fc.constant('release' as const), which }),
  fc.record({ do: fc.constant('maintain' as const) }),
  fc.record({ do: fc.constant('wait' as const), hours: fc.constantFrom(1, 7, 30, 200) }),
  fc.record({ do: fc.constant('restart' as const) }),
)
/** Money and keys first, so that the rest has something to work on. */
const start = fc.record({ budgets: fc.array(budget, { minLength: 2, maxLength: 4 }), amount })
export const keyWalks = fc.record({
  start,
  steps: fc.array(step, { minLength: 10, maxLength: 60, size: 'max' }),
})
export type KeyWalk = typeof keyWalks extends fc.Arbitrary<infer T> ? T : never
type Step = KeyWalk['steps'][number]
type StepOf<Name extends Step['do']> = Extract<Step, { do: Name }>

interface ModelHold {
  readonly account: AccountId
  readonly key: KeyId | null
  readonly amount: bigint
  readonly deadline: number
  state: 'open' | 'lapsed' | 'void' | 'settled' | 'forgotten'
  cost: bigint
}

interface ModelKey {
  readonly account: AccountId
  readonly id: KeyId
  budget: KeyBudget | null
  revoked: boolean
  readonly spent: { readonly at: UnixMs; readonly cost: bigint }[]
}

class Model {
  now = NOW
  readonly credited = new Map<AccountId, bigint>()
  readonly keys: ModelKey[] = []
  readonly holds: ModelHold[] = []

  of(id: AccountId) {
    const own = this.holds.filter((hold) => hold.account === id)
    const held = sum(own.filter(({ state }) => state === 'open').map((hold) => hold.amount))
    const settled = sum(own.filter(({ state }) => state === 'settled').map((hold) => hold.cost))
    const credited = this.credited.get(id) ?? 0n
    return { credited, held, settled, available: credited - held - settled }
  }

  spending(key: ModelKey) {
    const since = (start: number) =>
      sum(key.spent.filter(({ at }) => windowsOf(at).day >= start).map(({ cost }) => cost))
    const { day, week, month } = windowsOf(this.now)
    const open = this.holds.filter((hold) => hold.key === key.id && hold.state === 'open')
    return {
      held: sum(open.map((hold) => hold.amount)),
      total: since(0),
      day: since(day),
      week: since(week),
      month: since(month),
    }
  }

  /** The first budget that one more amount would overspend. */
  overspent(key: ModelKey | undefined, amount: bigint): BudgetPeriod | undefined {
    if (key?.budget == null) return undefined
    const spending = this.spending(key)
    return PERIODS.find((period) => {
      const most = key.budget?.[period] ?? null
      return most !== null && spending[period] + spending.held + amount > most
    })
  }
}

const sum = (values: readonly bigint[]): bigint => values.reduce((a, b) => a + b, 0n)
const at = <T>(list: readonly T[], index: number): T | undefined =>
  list.length === 0 ? undefined : list[index % list.length]

/** What is not named stays; a budget without a limit is none. */
function patched(before: KeyBudget | null, patch: KeyBudgetPatch | null): KeyBudget | null {
  if (patch === null) return null
  const of = (period: BudgetPeriod) =>
    patch[period] === undefined ? (before?.[period] ?? null) : patch[period]
  const budget = { total: of('total'), day: of('day'), week: of('week'), month: of('month') }
  return PERIODS.some((period) => budget[period] !== null) ? budget : null
}

/** Walks, and checks after each step. */
export async function walkKeys(
  open: () => Promise<Harness>,
  { start, steps }: KeyWalk,
): Promise<void> {
  const before = start.budgets.flatMap((budget, i): readonly Step[] => {
    const account = i % 2 === 0 ? ALICE : BOB
    return [
      { do: 'deposit', account, amount: 500n + start.amount },
      { do: 'add key', account, budget },
    ]
  })
  const model = new Model()
  await walk<Model, Step>(await open(), { model, before, steps, table: STEPS, compare })
}

const STEPS = {
  async deposit(ledger: Ledger, model: Model, { account, amount }: StepOf<'deposit'>) {
    const credited = (model.credited.get(account) ?? 0n) + amount
    model.credited.set(account, credited)
    await ledger.commit([mirror(account, credited)])
  },
  async 'add key'(ledger: Ledger, model: Model, { account, budget }: StepOf<'add key'>) {
    const number = model.keys.length.toString().padStart(20, '0')
    const id = keyId(`key_${number}`)
    const key = testKey({ id, hash: number.repeat(4).slice(0, 64), budget, created: model.now })
    expect(await ledger.commit([{ op: 'add_key', account, key }])).toEqual([{ ok: true }])
    model.keys.push({ account, id, budget, revoked: false, spent: [] })
  },
  async 'set budget'(ledger: Ledger, model: Model, { which, patch }: StepOf<'set budget'>) {
    const key = at(model.keys, which)
    if (key === undefined) return
    const budget = patched(key.budget, patch)
    key.budget = budget
    const { account, id } = key
    const [changed] = await ledger.commit([
      { op: 'change_key', account, id, budget: patch, at: model.now },
    ])
    expect(changed).toMatchObject({ ok: true, key: { budget, revoked: key.revoked ? NOW : null } })
  },
  async revoke(ledger: Ledger, model: Model, { which }: StepOf<'revoke'>) {
    const key = at(model.keys, which)
    if (key === undefined) return
    key.revoked = true
    const { account, id } = key
    await ledger.commit([{ op: 'change_key', account, id, revoked: NOW, at: model.now }])
  },
  async request(ledger: Ledger, model: Model, { account, which, amount }: StepOf<'request'>) {
    const own = model.keys.filter((key) => key.account === account)
    const key = which % 4 === 0 ? undefined : at(own, which)
    const number = model.holds.length
    const deadline = unixSeconds(Math.floor(model.now / 1000) + HOLD_S)
    const said = { account, key: key?.id ?? null, at: model.now, deadline }
    const [result] = await ledger.commit([reserve(number, amount, said)])
    const { available } = model.of(account)
    const period = model.overspent(key, amount)
    const hold = { account, key: key?.id ?? null, amount, deadline, cost: 0n }
    // A refused one is remembered as never held, so that its number is used up.
    if (amount > available) {
      expect(result).toMatchObject({ ok: false, code: 'insufficient_credits', available })
      model.holds.push({ ...hold, state: 'forgotten' })
    } else if (period !== undefined) {
      expect(result).toMatchObject({ ok: false, code: 'key_budget', available, budget: { period } })
      model.holds.push({ ...hold, state: 'forgotten' })
    } else {
      expect(result).toEqual({ ok: true, available: available - amount })
      model.holds.push({ ...hold, state: 'open' })
    }
  },
  async settle(ledger: Ledger, model: Model, { which, tokens }: StepOf<'settle'>) {
    const hold = at(model.holds, which)
    if (hold === undefined) return
    const number = which % model.holds.length
    const [result] = await ledger.commit([
      settle(number, tokens, { account: hold.account, at: model.now }),
    ])
    const asked = BigInt(tokens) * PRICE
    const cost = asked < hold.amount ? asked : hold.amount
    const key = model.keys.find(({ id }) => id === hold.key)
    const charge = (late: boolean) => {
      expect(result).toMatchObject({ ok: true, duplicate: false, late, cost })
      hold.state = 'settled'
      hold.cost = cost
      key?.spent.push({ at: model.now, cost })
    }
    if (hold.state === 'forgotten') expect(result).toMatchObject({ code: 'unknown_attempt' })
    else if (hold.state === 'void') expect(result).toMatchObject({ code: 'not_charged' })
    else if (hold.state === 'settled') {
      expect(result).toMatchObject({ ok: true, duplicate: true, cost: hold.cost })
    } else if (hold.state === 'open') charge(false)
    else if (cost > model.of(hold.account).available || model.overspent(key, cost) !== undefined) {
      expect(result).toMatchObject({ code: 'late_insufficient' })
    } else charge(true)
  },
  async release(ledger: Ledger, model: Model, { which }: StepOf<'release'>) {
    const hold = at(model.holds, which)
    if (hold === undefined) return
    const op = { op: 'release', account: hold.account, attempt: 1, at: model.now } as const
    const [result] = await ledger.commit([{ ...op, request: request(which % model.holds.length) }])
    if (hold.state === 'forgotten') {
      expect(result).toEqual({ ok: false, code: 'unknown_attempt' })
      return
    }
    expect(result).toEqual({ ok: true, released: hold.state === 'open' })
    if (hold.state !== 'settled') hold.state = 'void'
  },
  async maintain(ledger: Ledger, model: Model, _: StepOf<'maintain'>) {
    const now = unixSeconds(Math.floor(model.now / 1000))
    const overdue = model.holds.filter((hold) => hold.state === 'open' && hold.deadline <= now)
    const [result] = await ledger.commit([{ op: 'maintain', now }])
    expect(result.lapsed).toBe(overdue.length)
    for (const hold of overdue) hold.state = 'lapsed'
    for (const hold of model.holds) {
      const isOver = hold.state === 'lapsed' || hold.state === 'void'
      if (isOver && hold.deadline <= now - LATE_RECEIPT_S) hold.state = 'forgotten'
    }
  },
  async wait(_: Ledger, model: Model, { hours }: StepOf<'wait'>) {
    model.now = unixMs(model.now + hours * 3_600_000)
  },
}

async function compare(ledger: Ledger, model: Model): Promise<void> {
  for (const account of [ALICE, BOB]) {
    const [read] = await ledger.commit([{ op: 'read_account', account }])
    expect(read).toMatchObject({ ok: true, account: model.of(account) })
  }
  for (const key of model.keys) {
    const asked = { op: 'read_spending', account: key.account, key: key.id, at: model.now } as const
    const [{ spending }] = await ledger.commit([asked])
    expect(spending).toEqual(model.spending(key))
  }
  const [audit] = await ledger.commit([{ op: 'audit' }])
  expect(audit.broken).toEqual([])
}
