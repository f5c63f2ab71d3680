import { comment } from '@ton/core'
import { toSeconds, unixMs } from '#base/brand.ts'
import { formatMemo, MIN_DEPOSIT } from '#contracts'
import { type Simulation, USER } from '../simulation.ts'
import type { Act } from './act.ts'

const MILLI = 1_000_000n
const WEEK_MS = 7 * 86_400_000

function deposit({ chain, dice, owners }: Simulation): void {
  const owner = dice.maybe(owners)
  if (owner === undefined) return
  const value = MIN_DEPOSIT + BigInt(dice.below(4_000)) * MILLI
  chain.deliver({ from: USER, value, bounce: true, body: comment(formatMemo(owner.id)) })
}

export async function payRound({ process }: Simulation): Promise<void> {
  await process.exits.tick()
  await process.cashier.tick()
}

export const money: readonly Act[] = [
  { name: 'a deposit', weight: 8, run: deposit },
  {
    name: 'money that belongs to nobody',
    weight: 0.5,
    run: ({ chain, dice }) => {
      const [text, value] = dice.pick([
        ['no memo', 300n * MILLI],
        ['0000-0000', 50n * MILLI],
      ] as const)
      chain.deliver({ from: USER, value, bounce: dice.chance(0.5), body: comment(text) })
    },
  },
  {
    name: 'somebody sends the Till an old message',
    weight: 1,
    run: ({ chain, dice }) => {
      const old = dice.maybe(chain.heard)
      if (old !== undefined) chain.deliver({ ...old, from: USER })
    },
  },
  {
    name: 'the watcher looks',
    weight: 9,
    run: async ({ process }) => {
      await process.watcher.tick()
    },
  },
  { name: 'exits and cashier', weight: 5, run: payRound },
  {
    name: 'the nightly look',
    weight: 0.1,
    run: async ({ process }) => {
      await process.watcher.reconcile()
    },
  },
  {
    name: 'maintenance',
    weight: 5,
    run: async ({ process, at }) => {
      await process.ledger.commit([{ op: 'maintain', now: toSeconds(at) }])
    },
  },
  { name: 'a checkpoint', weight: 2, run: ({ process }) => process.store.checkpoint() },
  {
    name: 'accounts without money are forgotten',
    weight: 0.2,
    run: async ({ process, at, dice }) => {
      const before = unixMs(at - dice.pick([0, WEEK_MS]))
      await process.ledger.commit([{ op: 'expire_accounts', before, limit: 10 }])
    },
  },
]
