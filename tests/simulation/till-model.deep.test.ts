import { Address, type Cell, comment, type Transaction } from '@ton/core'
import { signVerify } from '@ton/crypto'
import { expect, test } from 'vitest'
import { fromHex, hex } from '#base/bytes.ts'
import { nano } from '#base/nano.ts'
import {
  type AccountKeysJson,
  accountKeysFromJson,
  cancelOrderBits,
  chargeBody,
  chequeBody,
  exitCancelBody,
  exitFastBody,
  exitFinishBody,
  exitOrderBits,
  exitRequestBody,
  fastOrderBits,
  formatMemo,
  plainBody,
  redeemBody,
  redeemFeesBody,
  rotateKeyBody,
  signBits,
  voucherBits,
} from '#contracts'
import { tonAddress } from '#gateway/db/ids.ts'
import { readTill } from '#gateway/money/read-till.ts'
import {
  chainAt,
  METER,
  openWorld,
  sha256,
  type TestAccount,
  TILL_CONFIG,
  testAccount,
  testKey,
  ton,
  type World,
} from '#gateway/money/testing/money-world.ts'
import { type Dice, openDice } from './dice.ts'
import { executeTill } from './till-model.ts'
import type { TillRules } from './till-run.ts'
import {
  availableOf,
  capLeftOf,
  exitAtOf,
  NO_ACCOUNT,
  newTill,
  type TillState,
} from './till-state.ts'

const STEPS = 60
const FEE_BPS = 1_000
const DAY = 86_400
const DAILY_CAP = ton('1')
const OTHER = testKey('another meter')
const HOSTS = [1, 2].map((n) => tonAddress(`0:${`0${n}`.repeat(32)}`))

interface People {
  readonly world: World
  readonly dice: Dice
  readonly managed: readonly TestAccount[]
  readonly sovereign: TestAccount
}

const amount = (dice: Dice) => nano(BigInt(1 + dice.below(2_000)) * 1_000_003n)

/** Messages that count and messages that do not; the contract decides which. */
const MOVES: readonly ((people: People) => Promise<Cell | undefined>)[] = [
  async ({ dice, managed, sovereign }) =>
    comment(formatMemo(dice.pick([...managed, sovereign]).id)),
  async ({ dice, managed }) => comment(formatMemo(dice.pick(managed).id)),
  async ({ dice }) => comment(dice.pick(['no memo', ''])),
  async ({ world, dice, managed }) => {
    const items = managed.map(({ id }) => [id, amount(dice)] as const)
    const batch = { till: world.till, feeBps: dice.pick([FEE_BPS, 2_000]), items: new Map(items) }
    return chargeBody(batch, dice.pick([METER, METER, OTHER]).sign)
  },
  async ({ world, dice, sovereign }) => {
    const said = { till: world.till, feeBps: FEE_BPS, cumulative: amount(dice) }
    const signature = fromHex(await sovereign.signCheque(said))
    return chequeBody({ ...said, account: sovereign.id }, keysOf(sovereign), signature)
  },
  async ({ world, dice }) => {
    const voucher = { till: world.till, payee: dice.pick(HOSTS), cumulative: amount(dice) }
    return redeemBody(voucher, await signBits(voucherBits(voucher), METER.sign, sha256))
  },
  async (people) => {
    const { account, order, sign } = await ownersOrder(people)
    const exit = { ...order, to: HOSTS[0] ?? '' }
    const signature = await signBits(exitOrderBits(exit), sign, sha256)
    return exitRequestBody(exit, keysOf(account), signature)
  },
  async (people) => {
    if (people.dice.chance(0.6)) return undefined
    const { account, order, sign } = await ownersOrder(people)
    const signature = await signBits(cancelOrderBits(order), sign, sha256)
    return exitCancelBody(order, keysOf(account), signature)
  },
  async ({ dice, managed }) => exitFinishBody(dice.pick(managed).id),
  async (people) => {
    const { order } = await ownersOrder(people)
    const fast = { ...order, feeBps: FEE_BPS, debit: amount(people.dice) }
    return exitFastBody(fast, await signBits(fastOrderBits(fast), METER.sign, sha256))
  },
  async ({ dice }) => rotateKeyBody(OTHER.publicKey, { dropPrevious: dice.chance(0.3) }),
  async () => plainBody('activateKey'),
  async ({ dice }) => (dice.chance(0.2) ? plainBody('cancelRotation') : undefined),
  async ({ dice }) => (dice.chance(0.3) ? plainBody('freeze') : undefined),
  async () => redeemFeesBody(HOSTS[1] ?? '', nano(1_000_000n)),
  async ({ world, dice }) => {
    world.dev.chain.advance(dice.pick([1, 3_600, DAY, DAY, 4 * DAY]))
    return undefined
  },
]

const keysOf = ({ keysJson }: TestAccount) =>
  // Sound: written by `accountKeysToJson`.
  accountKeysFromJson(JSON.parse(keysJson) as AccountKeysJson)

async function ownersOrder({ world, dice, managed }: People) {
  const account = dice.pick(managed)
  const number = managed.indexOf(account)
  const { value } = await readTill(chainAt(world.dev.endpoint), world.till).account(account.id)
  const nonce = value.nonce + (dice.chance(0.2) ? 1 : 0)
  const order = { till: world.till, account: account.id, nonce }
  return { account, order, sign: testKey(`user ${number} owner`).sign }
}

test.each([1, 2, 3])(
  'the model of the Till does what the contract does (walk %i)',
  async (seed) => {
    const world = await openWorld({ dailyCap: DAILY_CAP, holdDays: seed % 2 })
    try {
      await walk(world, seed)
    } finally {
      await world.close()
    }
  },
)

async function walk(world: World, seed: number): Promise<void> {
  const dice = openDice(seed)
  const managed = await Promise.all(['user 0', 'user 1'].map((name) => testAccount(name)))
  const people = { world, dice, managed, sovereign: await testAccount('a sovereign', 'sovereign') }
  const rules: TillRules = {
    ...TILL_CONFIG,
    admin: world.user.address.toRawString(),
    address: world.till,
    dailyCap: DAILY_CAP,
    holdDays: seed % 2,
    verify: (hash, signature, key) => signVerify(hash, signature, Buffer.from(key, 'hex')),
  }
  let state = newTill(hex(METER.publicKey))
  let known = 0
  let accepted = 0
  for (let step = 0; step < STEPS; step++) {
    const body = await dice.pick(MOVES)(people)
    if (body !== undefined) {
      const value = ton('0.5') + amount(dice)
      const to = Address.parseRaw(world.till)
      await world.user.transfer({ to, value, body, bounce: dice.chance(0.7) })
    }
    const { history } = world.dev.chain
    const all = history.transactionsOf(world.till, history.seqno)
    for (const { transaction } of all.slice(known)) {
      const { outcome, failed } = replay(rules, state, transaction)
      const exitCode = outcome.ok ? undefined : outcome.exitCode
      expect([seed, step, exitCode]).toEqual([seed, step, failed])
      if (outcome.ok) {
        state = outcome.state
        accepted++
      }
    }
    known = all.length
    await expectSame(people, rules, state)
  }
  // A walk on which nothing is accepted would compare nothing.
  expect(accepted).toBeGreaterThan(STEPS / 4)
}

/** The same message at the same time. */
function replay(rules: TillRules, state: TillState, { inMessage, now, description }: Transaction) {
  if (inMessage?.info.type !== 'internal') throw new RangeError('not a message from an account')
  const { src, value, bounce } = inMessage.info
  const message = { from: src.toRawString(), value: value.coins, bounce, body: inMessage.body }
  const outcome = executeTill(rules, state, message, now)
  if (description.type !== 'generic') throw new RangeError('not an ordinary transaction')
  const { computePhase } = description
  if (computePhase.type !== 'vm') throw new RangeError('nothing was computed')
  return { outcome, failed: computePhase.success ? undefined : computePhase.exitCode }
}

async function expectSame(
  { world, managed, sovereign }: People,
  { dailyCap }: TillRules,
  state: TillState,
): Promise<void> {
  const till = readTill(chainAt(world.dev.endpoint), world.till)
  const now = world.dev.chain.now()
  for (const { id } of [...managed, sovereign]) {
    const account = state.accounts.get(id) ?? NO_ACCOUNT
    const { credit, debit, paidOut, nonce } = account
    const { value } = await till.account(id)
    const available = availableOf(account)
    const exitAt = exitAtOf(account, now)
    expect(value).toMatchObject({ credit, debit, paidOut, available, nonce, exitAt })
    if (id !== sovereign.id && state.accounts.has(id)) {
      expect(value.capLeft).toBe(capLeftOf(account, dailyCap, now))
    }
  }
  for (const host of HOSTS) expect(await till.payeePaid(host)).toBe(state.payees.get(host) ?? 0n)
  const { owed, fees, orphans } = state
  const totals = await till.totals()
  expect(totals).toMatchObject({ owed, fees, orphans })
  expect(totals.pool + totals.held).toBe(state.pool + state.held)
  const key = await till.meterKey()
  expect(hex(key.key)).toBe(state.meterKey)
  expect(key.pending?.at).toBe(state.pending?.at)
  const status = await till.status()
  expect(status.frozenUntil).toBe(state.frozenUntil)
  expect(status.accounts).toBe(state.accounts.size)
}
