import { nano, ZERO_NANO } from '#base/nano.ts'
import { payRound } from './acts/money.ts'
import { readRegistry, takeMeterKey } from './acts/operator.ts'
import { payByCheque } from './acts/owners.ts'
import { findAct, pickAct } from './acts.ts'
import { assertAtRest } from './checks.ts'
import { Simulation, type SimulationOptions } from './simulation.ts'

export interface RunOptions extends SimulationOptions {
  readonly steps: number
}

export interface RunReport {
  readonly steps: number
  readonly crashes: number
  readonly settlements: number
  /** The same whenever the seed is. */
  readonly fingerprint: string
  /** How often each act happened. */
  readonly acts: ReadonlyMap<string, number>
}

/** A run failed at a step; the same seed fails there again. */
export class RunFailure extends Error {
  override readonly name = 'RunFailure'
  readonly seed: number
  readonly step: number

  constructor(seed: number, step: number, act: string, cause: unknown) {
    const what = cause instanceof Error ? cause.message : String(cause)
    const replay = `node tests/simulation/main.ts --seed ${seed} --steps ${step}`
    super(`${what}\n  seed ${seed}, step ${step} (${act})\n  replay: ${replay}`, { cause })
    this.seed = seed
    this.step = step
  }
}

/** Steps between two looks at everything. */
const AUDIT_EVERY = 2_000
/** Rounds at the end, each a day: longer than a freeze, a rotation and an exit. */
const LAST_DAYS = 14

/** Everything that a seed makes happen, checked after each step, and at the end when all have settled. */
export async function runSimulation(options: RunOptions): Promise<RunReport> {
  const simulation = new Simulation(options)
  const acts = new Map<string, number>()
  let step = 0
  let name = 'the start'
  try {
    await openShop(simulation)
    for (step = 1; step <= options.steps; step++) {
      const act = pickAct(simulation.dice)
      name = act.name
      acts.set(name, (acts.get(name) ?? 0) + 1)
      await simulation.step(act.run)
      if (step % AUDIT_EVERY === 0) await simulation.assertEverything()
    }
    step = options.steps
    name = 'the end'
    await settleDown(simulation)
    await simulation.assertEverything()
    if (simulation.failure !== undefined) throw simulation.failure
    assertAtRest(simulation)
    const { crashes, shadow } = simulation
    const { settlements, commission } = shadow
    const fingerprint = [settlements, commission, simulation.chain.balance, crashes].join(' ')
    return { steps: options.steps, crashes, settlements, fingerprint, acts }
  } catch (cause) {
    throw new RunFailure(options.seed, step, name, cause)
  } finally {
    simulation.close()
  }
}

/** A gateway that is in use already: who waits for the first deposit by chance waits long. */
async function openShop(simulation: Simulation): Promise<void> {
  for (const { name, times } of OPENING) {
    const act = findAct(name)
    for (let i = 0; i < times; i++) await simulation.step(act.run)
  }
}

const OPENING = [
  { name: 'somebody makes an account', times: 6 },
  { name: 'a deposit', times: 12 },
  { name: 'an owner takes a key', times: 10 },
  { name: 'a runner without a lease registers', times: 8 },
  { name: 'the watcher looks', times: 1 },
] as const

/** No crash, no fault, no new request: days until nobody waits for anything. */
async function settleDown(simulation: Simulation): Promise<void> {
  await simulation.calm()
  const { chain, network } = simulation
  while (network.size > 0) await simulation.step(() => network.advance())
  for (let day = 0; day < LAST_DAYS; day++) {
    await simulation.step(takeMeterKey)
    await simulation.step(readRegistry)
    for (let i = 0; i < 8; i++) await simulation.step(deliverAll)
    await simulation.step(async ({ process }) => {
      await process.watcher.tick()
      await process.watcher.reconcile()
    })
    await simulation.step(fairCheques)
    for (let i = 0; i < 3; i++) {
      await simulation.step(payRound)
      await simulation.step(async ({ process }) => {
        await process.watcher.tick()
      })
      await simulation.step(() => chain.advance(91))
    }
    await simulation.step(() => chain.advance(86_400))
    await simulation.step(async ({ process, at }) => {
      await process.ledger.commit([{ op: 'maintain', now: Math.floor(at / 1000) as never }])
    })
  }
}

async function deliverAll(simulation: Simulation): Promise<void> {
  const act = findAct('a runner delivers its outbox')
  for (let i = 0; i < simulation.runners.length; i++) await act.run(simulation)
}

/** Owners pay what they used. */
async function fairCheques(simulation: Simulation): Promise<void> {
  const { owners, shadow, at } = simulation
  for (const owner of owners) {
    const settled = shadow.accounts.get(owner.id)?.settled ?? ZERO_NANO
    if (owner.mode !== 'sovereign' || settled === 0n) continue
    await payByCheque(simulation, owner, nano(settled), at)
  }
}
