import { fromHex } from '#base/bytes.ts'
import { parseNano } from '#base/nano.ts'
import { redeemBody, TILL_VALUE } from '#contracts'
import type { SessionId } from '#gateway/db/ids.ts'
import { settlementPack } from '#gateway/money/settlement-pack.ts'
import { takeBatch } from '#gateway/receipts/take-batch.ts'
import { TILL } from '../gateway-process.ts'
import { register } from '../leases.ts'
import type { RunnerModel } from '../runner-model.ts'
import { type Simulation, USER } from '../simulation.ts'
import type { Act } from './act.ts'

const MAX_POSTED = 20

/** At least once: what was answered may be sent again, since the answer may be lost. */
async function deliver(simulation: Simulation, runner: RunnerModel): Promise<void> {
  const { dice, process } = simulation
  const posted = runner.outbox.slice(0, MAX_POSTED)
  if (posted.length === 0) return
  const sender = dice.chance(0.03) ? dice.pick(simulation.runners) : runner
  const receipts = posted.map(({ receipt, ref }) => ({ receipt, ref }))
  const results = await takeBatch(process.front.receipts, { runner: sender.id, receipts })
  if (sender !== runner) return
  const done = new Set(results.map((result) => result['receipt_id']))
  // A receipt that waits for money waits at the end, so that others get their turn.
  const waits = posted.filter(({ id }) => !done.has(id))
  const again = posted.filter(({ id }) => done.has(id) && dice.chance(0.1))
  runner.acknowledged = posted.filter(({ id }) => done.has(id))
  runner.outbox.splice(0, posted.length)
  runner.outbox.push(...again, ...waits)
}

function newKeys(simulation: Simulation, runner: RunnerModel): Promise<void> {
  const { dice, process, at, sessions } = simulation
  const { image } = runner
  const onKeys = (session: SessionId, until: number) => sessions.set(session, { until, image })
  return register(process, runner, { dice, at, onKeys })
}

export const hosts: readonly Act[] = [
  {
    name: 'a runner delivers its outbox',
    weight: 14,
    run: (simulation) => deliver(simulation, simulation.dice.pick(simulation.runners)),
  },
  {
    name: 'heartbeats',
    weight: 18,
    run: async ({ process, runners, at }) => {
      for (const runner of runners) {
        const live = process.directory.find(runner.id)
        if (live === undefined) continue
        runner.sequence++
        if (await process.runners.advance(runner.id, runner.sequence, at)) live.load.seen = at
      }
    },
  },
  {
    name: 'a runner without a lease registers',
    weight: 12,
    run: async (simulation) => {
      const { process, dice, runners } = simulation
      const idle = runners.filter(
        ({ id, generation }) =>
          generation === undefined || process.directory.find(id) === undefined,
      )
      const runner = dice.maybe(idle)
      if (runner !== undefined) await newKeys(simulation, runner)
    },
  },
  {
    name: 'a runner rotates its keys',
    weight: 0.6,
    run: (simulation) => newKeys(simulation, simulation.dice.pick(simulation.runners)),
  },
  {
    name: 'a runner’s process dies',
    weight: 1.2,
    run: ({ dice, runners }) => dice.pick(runners).die(),
  },
  {
    name: 'a host redeems by itself',
    weight: 0.5,
    run: ({ process, chain, dice, payees }) => {
      const { voucher } = settlementPack(process.store, TILL, dice.pick(payees))
      if (voucher === undefined) return
      const { till, payee, cumulative, signature } = voucher
      const body = redeemBody(
        { till, payee, cumulative: parseNano(cumulative) },
        fromHex(signature),
      )
      chain.deliver({ from: USER, value: TILL_VALUE.redeem, bounce: true, body })
    },
  },
]
