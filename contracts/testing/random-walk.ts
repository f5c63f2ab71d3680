import { expect } from 'vitest'
import { type Nano, nano } from '#base/nano.ts'
import type { TillAccount, TillTotals } from '../till.ts'
import { DEPOSIT_FEE, FREEZE_SECONDS } from '../till-constants.ts'
import { plainBody, redeemFeesBody, returnFeesBody } from '../till-messages.ts'
import { ton } from './keys.ts'
import { type Outcome, received } from './outcome.ts'
import { DAY, HOUR, type TestAccount, TillWorld } from './till-world.ts'

/** Everything that the walk knows from outside: what was really paid out, and what was really sent in. */
interface Books {
  readonly world: TillWorld
  readonly accounts: readonly TestAccount[]
  readonly hosts: readonly string[]
  readonly dailyCap: bigint
  totals: TillTotals
  views: TillAccount[]
  /** Paid to hosts, exits and the operator, as seen in outgoing messages. */
  hostsPaid: bigint
  exitsPaid: bigint
  feesPaid: bigint
  orphansPaid: bigint
  orphansSent: bigint
  orphanNonce: number
  /** Managed debit by account and UTC day. */
  readonly perDay: Map<string, bigint>
}

/** Whole numbers from 0 to below `limit`, from a seed: mulberry32. */
export type Dice = (limit: number) => number

export function dice(seed: number): Dice {
  let state = seed >>> 0
  return (limit) => {
    state = (state + 0x6d2b79f5) >>> 0
    let t = Math.imul(state ^ (state >>> 15), 1 | state)
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t
    return ((t ^ (t >>> 14)) >>> 0) % limit
  }
}

type Step = (books: Books, roll: Dice) => Promise<Outcome | undefined>

function pick<T>(list: readonly T[], roll: Dice): T {
  const item = list[roll(list.length)]
  if (item === undefined) throw new Error('nothing to pick from')
  return item
}

const amount = (roll: Dice): Nano => nano(BigInt(roll(4_000)) * 1_000_003n)

/** Moves of everybody who may send something, honest or not; the contract decides which of them count. */
const STEPS: readonly Step[] = [
  ({ world, accounts }, roll) =>
    world.deposit(pick(accounts, roll), nano(amount(roll) + ton('0.05'))),
  ({ world, accounts }, roll) =>
    world.depositBinary(pick(accounts, roll), nano(amount(roll) + ton('0.1'))),
  async (books, roll) => {
    const value = nano(amount(roll) + ton('0.1'))
    const outcome = await books.world.comment('no memo', { value, bounce: roll(2) === 0 })
    if (outcome.ok) books.orphansSent += value - DEPOSIT_FEE
    return outcome
  },
  ({ world, accounts }, roll) => {
    const managed = accounts.slice(0, 3)
    const items = managed.filter(() => roll(2) === 0).map((a) => [a, amount(roll)] as const)
    return world.charge(items, { feeBps: roll(1_200) })
  },
  ({ world, accounts }, roll) =>
    world.cheque(pick(accounts, roll), amount(roll), { feeBps: roll(1_200) }),
  async (books, roll) => {
    const host = pick(books.hosts, roll)
    const outcome = await books.world.redeem(host, amount(roll))
    books.hostsPaid += received(outcome, host)
    return outcome
  },
  async ({ world, accounts, views }, roll) => {
    const account = pick(accounts, roll)
    const nonce = (views[accounts.indexOf(account)]?.nonce ?? 0) + (roll(5) === 0 ? 1 : 0)
    return world.requestExit(account, { nonce, signed: roll(2) === 0 })
  },
  async ({ world, accounts, views }, roll) => {
    const account = pick(accounts, roll)
    return world.cancelExit(account, { nonce: views[accounts.indexOf(account)]?.nonce ?? 0 })
  },
  async (books, roll) => {
    const outcome = await books.world.finishExit(pick(books.accounts, roll))
    books.exitsPaid += received(outcome, books.world.user.address.toRawString())
    return outcome
  },
  async (books, roll) => {
    const account = pick(books.accounts, roll)
    const view = books.views[books.accounts.indexOf(account)]
    const debit = nano((view?.debit ?? 0n) + BigInt(roll(1_000_000)))
    const options = { nonce: view?.nonce ?? 0, feeBps: roll(1_200) }
    const outcome = await books.world.fastExit(account, debit, options)
    books.exitsPaid += received(outcome, books.world.user.address.toRawString())
    return outcome
  },
  async (books, roll) => {
    const outcome = await books.world.refundOrphan(amount(roll), { nonce: books.orphanNonce })
    if (outcome.ok) books.orphanNonce += 1
    books.orphansPaid += received(outcome, books.world.user.address.toRawString())
    return outcome
  },
  async (books, roll) => {
    const to = books.world.admin.address.toRawString()
    const outcome = await books.world.operate(redeemFeesBody(to, nano(amount(roll) / 20n)))
    books.feesPaid += received(outcome, to)
    return outcome
  },
  ({ world }, roll) => world.operate(returnFeesBody(nano(amount(roll) / 50n))),
  ({ world }, roll) => (roll(4) === 0 ? world.operate(plainBody('freeze')) : none()),
  ({ world }) => world.send(plainBody('topUp'), { value: ton('0.05') }),
  ({ world }, roll) => {
    world.wait(pick([1, HOUR, 7 * HOUR, DAY, DAY, FREEZE_SECONDS], roll))
    return none()
  },
]

const none = (): Promise<undefined> => Promise.resolve(undefined)

/** Takes `steps` random steps from `seed` and checks every promise about money after each. */
export async function randomWalk(seed: number, steps: number): Promise<{ accepted: number }> {
  const roll = dice(seed)
  const books = await openBooks()
  let accepted = 0
  for (let i = 0; i < steps; i++) {
    const outcome = await pick(STEPS, roll)(books, roll)
    if (outcome?.ok) accepted += 1
    await check(books, outcome, `seed ${seed}, step ${i}`)
  }
  return { accepted }
}

async function openBooks(): Promise<Books> {
  const dailyCap = ton('1.5')
  const world = await TillWorld.create({ dailyCap })
  const modes = ['managed', 'managed', 'managed', 'sovereign', 'sovereign'] as const
  const accounts = await Promise.all(modes.map((mode, i) => world.account(`account ${i}`, mode)))
  for (const account of accounts) await world.depositBinary(account, ton('1'))
  return {
    world,
    accounts,
    hosts: [world.host.address.toRawString(), world.relay.address.toRawString()],
    dailyCap,
    totals: await world.till.getTotals(),
    views: await Promise.all(accounts.map(({ id }) => world.till.getAccount(id))),
    hostsPaid: 0n,
    exitsPaid: 0n,
    feesPaid: 0n,
    orphansPaid: 0n,
    orphansSent: 0n,
    orphanNonce: 0,
    perDay: new Map(),
  }
}

async function check(books: Books, outcome: Outcome | undefined, where: string): Promise<void> {
  const { world, accounts } = books
  const totals = await world.till.getTotals()
  const views: TillAccount[] = []
  for (const { id } of accounts) views.push(await world.till.getAccount(id))
  const sum = (of: (view: TillAccount) => bigint) => views.reduce((all, view) => all + of(view), 0n)
  const paid = await Promise.all(books.hosts.map((host) => world.till.getPayeePaid(host)))

  // The books balance: what is owed, collected, paid and orphaned is what came in.
  expect([where, totals.owed]).toEqual([where, sum(({ available }) => available)])
  const collected = totals.pool + totals.held + totals.fees + books.hostsPaid + books.feesPaid
  expect([where, collected]).toEqual([where, sum(({ debit }) => debit)])
  expect([where, paid.reduce((a, b) => a + b, 0n)]).toEqual([where, books.hostsPaid])
  expect([where, sum(({ paidOut }) => paidOut)]).toEqual([where, books.exitsPaid])
  expect([where, totals.orphans]).toEqual([where, books.orphansSent - books.orphansPaid])
  // Nobody's operation is paid out of other people's money.
  const rent = outcome ? storageFees(outcome) : 0n
  expect([where, totals.surplus >= books.totals.surplus - rent]).toEqual([where, true])

  for (const [i, view] of views.entries()) checkAccount(books, i, view, where)
  books.totals = totals
  books.views = views
}

function checkAccount(books: Books, index: number, view: TillAccount, where: string): void {
  const before = books.views[index]
  const account = books.accounts[index]
  if (before === undefined || account === undefined) throw new Error('no such account')
  for (const counter of ['credit', 'debit', 'paidOut', 'nonce'] as const) {
    expect([where, counter, view[counter] >= before[counter]]).toEqual([where, counter, true])
  }
  expect([where, view.available]).toEqual([where, view.credit - view.debit - view.paidOut])
  expect([where, view.available >= 0n]).toEqual([where, true])
  if (index >= 3) return
  const day = `${account.id} ${Math.floor(books.world.now() / DAY)}`
  const spent = (books.perDay.get(day) ?? 0n) + view.debit - before.debit
  books.perDay.set(day, spent)
  expect([where, spent <= books.dailyCap]).toEqual([where, true])
  expect([where, view.capLeft]).toEqual([where, books.dailyCap - spent])
}

function storageFees({ transaction }: Outcome): bigint {
  const { description } = transaction
  if (description.type !== 'generic') return 0n
  return description.storagePhase?.storageFeesCollected ?? 0n
}
