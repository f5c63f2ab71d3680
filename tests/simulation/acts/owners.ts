import { fromHex } from '#base/bytes.ts'
import { nano, ZERO_NANO } from '#base/nano.ts'
import {
  cancelOrderBits,
  chequeBits,
  exitFinishBody,
  exitOrderBits,
  exitRequestBody,
  TILL_VALUE,
} from '#contracts'
import { changeKey, FIRST_KEY, issueKey, revokeKey, rotateKey } from '#gateway/accounts/keys.ts'
import type { KeyBudget } from '#gateway/ledger/port.ts'
import type { Dice } from '../dice.ts'
import { COMMISSION_BPS, TILL } from '../gateway-process.ts'
import { newOwner, type Owner } from '../owner.ts'
import { type Simulation, USER } from '../simulation.ts'
import type { Act } from './act.ts'

const MOST_OWNERS = 20
const MOST_KEYS = 40
const MILLI = 1_000_000n

function ownerOf({ dice, owners }: Simulation): Owner | undefined {
  return dice.maybe(owners)
}

async function join(simulation: Simulation): Promise<void> {
  const { owners, dice } = simulation
  if (owners.length >= MOST_OWNERS) return
  const mode = owners.length % 3 === 2 ? 'sovereign' : 'managed'
  owners.push(await newOwner(`owner ${owners.length} ${dice.below(1_000_000)}`, mode))
}

const open = ({ id, mode, keysJson }: Owner, at: Simulation['at']) =>
  ({ op: 'open_account', account: id, mode, keys: keysJson, at }) as const

/** Mostly without a budget, so that money flows. */
function budgetOf(dice: Dice): KeyBudget | null {
  if (dice.chance(0.5)) return null
  const most = () => (dice.chance(0.5) ? null : nano(BigInt(dice.below(400)) * MILLI))
  return { total: most(), day: most(), week: most(), month: most() }
}

async function takeKey(simulation: Simulation): Promise<void> {
  const { process, keys, dice, at } = simulation
  const owner = ownerOf(simulation)
  if (owner === undefined || keys.length >= MOST_KEYS) return
  await process.ledger.commit([open(owner, at)])
  const wishes = { ...FIRST_KEY, budget: budgetOf(dice) }
  const { id, text } = await issueKey(process.front.accounts, owner.id, wishes)
  keys.push({ owner, id, text })
}

const GRACE_SECONDS = 60

async function alterKey(simulation: Simulation): Promise<void> {
  const { process, keys, dice, takenBack, at } = simulation
  const key = dice.maybe(keys)
  if (key === undefined) return
  const { accounts } = process.front
  const { id } = key
  const account = key.owner.id
  const what = dice.next()
  if (what < 0.6) await changeKey(accounts, account, { id, budget: budgetOf(dice) })
  else if (what < 0.85) {
    const { text } = key
    key.text = (await rotateKey(accounts, account, { id, graceSeconds: GRACE_SECONDS })).text
    takenBack.push({ text, from: at + GRACE_SECONDS * 1000 })
  } else {
    keys.splice(keys.indexOf(key), 1)
    await revokeKey(accounts, account, id)
    takenBack.push({ text: key.text, from: Number.NEGATIVE_INFINITY })
  }
}

/** For what was used, or for less, or far too much. */
async function signCheque(simulation: Simulation): Promise<void> {
  const { dice, shadow, at, owners } = simulation
  const owner = dice.maybe(owners.filter(({ mode }) => mode === 'sovereign'))
  const account = owner && shadow.accounts.get(owner.id)
  if (owner === undefined || account === undefined) return
  const part = BigInt(dice.pick([100, 100, 100, 100, 60, 300]))
  const isTooMuch = dice.chance(0.05)
  const cumulative = nano(isTooMuch ? account.credited + 1n : (account.settled * part) / 100n)
  if (cumulative === ZERO_NANO) return
  await payByCheque(simulation, owner, cumulative, at)
}

export async function payByCheque(
  { process }: Simulation,
  { id, signCheque }: Owner,
  cumulative: ReturnType<typeof nano>,
  at: Simulation['at'],
): Promise<void> {
  const said = { till: TILL, account: id, feeBps: COMMISSION_BPS, cumulative }
  const signature = await signCheque(chequeBits(said))
  await process.ledger.commit([
    { op: 'accept_cheque', account: id, feeBps: COMMISSION_BPS, cumulative, signature, at },
  ])
}

async function orderExit(simulation: Simulation): Promise<void> {
  const { process, chain, at } = simulation
  const owner = ownerOf(simulation)
  if (owner === undefined) return
  const { nonce } = chain.account(owner.id)
  const cell = exitOrderBits({ till: TILL, account: owner.id, to: USER, nonce })
  const order = { to: USER, signature: await owner.signAsOwner(cell) }
  const said = { account: owner.id, till: TILL, order, nonce, at }
  await process.ledger.commit([open(owner, at), { op: 'order_exit', ...said }])
}

async function cancelExit(simulation: Simulation): Promise<void> {
  const { process, chain } = simulation
  const owner = ownerOf(simulation)
  if (owner === undefined) return
  const account = owner.id
  const { nonce } = chain.account(account)
  const signature = await owner.signAsOwner(cancelOrderBits({ till: TILL, account, nonce }))
  await process.ledger.commit([{ op: 'cancel_exit', account, nonce, signature }])
}

/** Past the gateway. */
async function exitOnChain(simulation: Simulation): Promise<void> {
  const { chain } = simulation
  const owner = ownerOf(simulation)
  if (owner === undefined) return
  const { nonce } = chain.account(owner.id)
  const order = { till: TILL, account: owner.id, to: USER, nonce }
  const signature = fromHex(await owner.signAsOwner(exitOrderBits(order)))
  const body = exitRequestBody(order, owner.keys, signature)
  chain.deliver({ from: USER, value: TILL_VALUE.exitRequest, bounce: true, body })
}

export const owners: readonly Act[] = [
  { name: 'somebody makes an account', weight: 2, run: join },
  { name: 'an owner takes a key', weight: 3, run: takeKey },
  { name: 'an owner changes a key', weight: 1, run: alterKey },
  { name: 'a cheque', weight: 5, run: signCheque },
  { name: 'an owner orders an exit', weight: 0.4, run: orderExit },
  { name: 'an owner cancels an exit', weight: 0.15, run: cancelExit },
  { name: 'an owner leaves past the gateway', weight: 0.05, run: exitOnChain },
  {
    name: 'somebody finishes an exit',
    weight: 0.5,
    run: (simulation) => {
      const owner = ownerOf(simulation)
      if (owner === undefined) return
      const body = exitFinishBody(owner.id)
      simulation.chain.deliver({ from: USER, value: TILL_VALUE.exitFinish, bounce: true, body })
    },
  },
]
