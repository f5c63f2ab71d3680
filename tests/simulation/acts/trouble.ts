import { comment } from '@ton/core'
import { toSeconds } from '#base/brand.ts'
import { formatMemo } from '#contracts'
import { MOST_LAG, strike } from '../chain-model.ts'
import { assertGivenBack } from '../given-back.ts'
import { type Simulation, USER } from '../simulation.ts'
import type { Act } from './act.ts'

const DAY = 86_400
const HOLD = 6 * 3_600

/** The provider shows a history in which somebody is rich; the next time it is the old one. */
function hearLies(simulation: Simulation): void {
  const { chain, dice, owners, process } = simulation
  if (simulation.liar !== undefined) simulation.liar = undefined
  else {
    const owner = dice.maybe(owners)
    if (owner === undefined) return
    const liar = chain.fork()
    const body = comment(formatMemo(owner.id))
    liar.deliver({ from: USER, value: 1_000_000_000_000n, bounce: true, body })
    // And hosts that were paid already.
    liar.pretend((till) => {
      const payees = [...till.payees].map(([payee, paid]) => [payee, paid * 2n] as const)
      return { ...till, payees: new Map(payees) }
    })
    simulation.liar = liar
  }
  process.life.kill()
}

export const trouble: readonly Act[] = [
  {
    name: 'seconds pass',
    weight: 10,
    run: ({ chain, dice, process }) => {
      const seconds = 1 + dice.below(8)
      chain.advance(seconds)
      for (let i = 0; i < seconds; i++) process.watchdog.tick()
      process.front.inference.waiting.tick()
    },
  },
  { name: 'minutes pass', weight: 1.5, run: ({ chain }) => chain.advance(91) },
  {
    name: 'hours pass',
    weight: 1,
    run: async (simulation) => {
      const { chain, dice, process } = simulation
      chain.advance(dice.pick([3_600, HOLD, HOLD + 1]))
      // Its timer does this every second.
      const now = toSeconds(simulation.at)
      await process.ledger.commit([{ op: 'maintain', now }])
    },
  },
  { name: 'a day passes', weight: 0.08, run: ({ chain }) => chain.advance(DAY) },
  { name: 'a provider fails', weight: 2, run: ({ faults, dice }) => strike(faults, dice) },
  {
    name: 'a provider falls behind',
    weight: 1,
    run: ({ faults, dice }) => {
      faults.lag = faults.lag > 0 ? 0 : 1 + dice.below(MOST_LAG)
    },
  },
  {
    name: 'the Registry cannot be read for a while',
    weight: 0.4,
    run: ({ registry, dice }) => {
      registry.unavailable = 1 + dice.below(6)
    },
  },
  {
    name: 'the Registry’s provider shows an old list, or the present one',
    weight: 0.6,
    run: ({ registry, dice }) => {
      registry.behind = registry.behind > 0 ? 0 : 1 + dice.below(4)
    },
  },
  { name: 'what was delayed gets into a block', weight: 1, run: ({ chain }) => chain.mine() },
  { name: 'a provider begins or ends to lie', weight: 0.3, run: hearLies },
  {
    name: 'the disk is full for a moment',
    weight: 0.5,
    run: ({ process, dice }) => {
      process.life.failing = 1 + dice.below(3)
    },
  },
  {
    name: 'the disk is full just when holds are given back',
    weight: 1,
    run: ({ process, dice }) => {
      process.life.failingReleases = 1 + dice.below(30)
    },
  },
  { name: 'the disk has room again', weight: 0.5, run: assertGivenBack },
  {
    name: 'the clock is set',
    weight: 0.3,
    run: (simulation) => {
      const { dice } = simulation
      simulation.skewMs = dice.pick([0, 0, 20_000, -20_000, 7_000, -DAY * 1_000, DAY * 1_000])
    },
  },
  {
    name: 'the operator restarts the gateway',
    weight: 0.3,
    run: ({ process }) => process.life.kill(),
  },
]
