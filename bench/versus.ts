/**
 * usage: node bench/versus.ts <folder of another checkout> [--rounds 9] [--seconds 3] [--connections 32] [--only plain,sealed]
 *
 * Compares the gateway of another checkout ("before") with this one's ("after") turn by turn: one world of each, the other one
 * frozen meanwhile, each round in the other order. Prints medians of the CPU that a request takes, and how much of it the main
 * thread took.
 */
import { join, resolve } from 'node:path'
import { parseArgs } from 'node:util'
import type { World } from '#dev/world/world.ts'
import { mainThreadMs, measure } from './process.ts'
import { loadOf, type Scenario, type Subject, warmUpOf } from './subject.ts'
import { formatTable } from './table.ts'

const WARM_UP_REQUESTS = 8_000
const HERE = join(import.meta.dirname, '..')

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    rounds: { type: 'string', default: '9' },
    seconds: { type: 'string', default: '3' },
    connections: { type: 'string', default: '32' },
    only: { type: 'string', default: 'plain,sealed' },
  },
})
const [other] = positionals
if (other === undefined) throw new Error('usage: node bench/versus.ts <folder of another checkout>')

interface Side {
  readonly name: string
  readonly world: World
  readonly subjects: ReadonlyMap<string, Subject>
}

const scenario: Scenario = {
  name: `${values.connections} connections`,
  script: 'c100g0',
  stream: false,
  connections: Number(values.connections),
}
const kinds = values.only.split(',')
const sides: Side[] = []
try {
  sides.push(await start('before', resolve(other)), await start('after', HERE))
  for (const kind of kinds) await compare(kind)
} finally {
  for (const { world } of sides) signal(world, 'SIGCONT')
  await Promise.all(sides.map(({ world }) => world.stop()))
}

/** A checkout finds its own code beside its own bench; its world's files lie in its own folder. */
async function start(name: string, folder: string): Promise<Side> {
  process.chdir(folder)
  // Sound: the same module of another version; what it exports has been the same for long, and a difference ends the bench.
  const bench = (await import(
    join(folder, 'bench/bench-world.ts')
  )) as typeof import('./bench-world.ts')
  const world = await bench.startBenchWorld()
  const subjects = new Map([
    ['plain', bench.gatewaySubject(world)],
    ['sealed', await bench.sealedSubject(world)],
  ])
  process.chdir(HERE)
  return { name, world, subjects }
}

function signal({ chain, gateway, runner }: World, name: 'SIGSTOP' | 'SIGCONT'): void {
  for (const { pid } of [chain, gateway, runner]) process.kill(pid, name)
}

interface Turn {
  readonly cpuUs: number
  readonly mainUs: number
  readonly rate: number
}

async function compare(kind: string): Promise<void> {
  for (const side of sides)
    await measure(warmUpOf(run(side, kind), scenario, WARM_UP_REQUESTS), undefined)
  const turns = new Map(sides.map(({ name }) => [name, [] as Turn[]]))
  for (let round = 0; round < Number(values.rounds); round++) {
    for (const side of round % 2 === 0 ? sides : sides.toReversed()) {
      turns.get(side.name)?.push(await take(side, kind, Number(values.seconds)))
    }
  }
  const header = [`${kind}, ${scenario.name}`, 'CPU/req', 'main thread', 'req/s', 'all rounds']
  const rows = [...turns].map(([name, all]) => [
    name,
    `${median(all.map(({ cpuUs }) => cpuUs)).toFixed(0)} µs`,
    `${median(all.map(({ mainUs }) => mainUs)).toFixed(0)} µs`,
    median(all.map(({ rate }) => rate)).toFixed(0),
    all.map(({ cpuUs }) => cpuUs.toFixed(0)).join(' '),
  ])
  console.log(`\n${formatTable(header, rows)}`)
  const [before = [], after = []] = turns.values()
  const ratios = after.map(({ cpuUs }, i) => cpuUs / (before[i]?.cpuUs ?? Number.NaN))
  console.log(`after : before, median of rounds: ${median(ratios).toFixed(3)}`)
}

/** From now on this side runs and the other one stands still. */
function run(side: Side, kind: string): Subject {
  const subject = side.subjects.get(kind)
  if (subject === undefined) throw new Error(`no such kind of request: ${kind}`)
  for (const { world } of sides) signal(world, world === side.world ? 'SIGCONT' : 'SIGSTOP')
  return subject
}

async function take(side: Side, kind: string, seconds: number): Promise<Turn> {
  const subject = run(side, kind)
  await measure(loadOf(subject, scenario, 1), undefined)
  const { pid } = side.world.gateway
  const before = mainThreadMs(pid)
  const measured = await measure(loadOf(subject, scenario, seconds), pid)
  const { requests, cpuUsPerRequest, failed, firstFailure } = measured
  if (failed > 0) throw new Error(`${side.name}: ${firstFailure}`)
  const mainUs = ((mainThreadMs(pid) - before) * 1_000) / requests
  return { cpuUs: cpuUsPerRequest, mainUs, rate: requests / measured.seconds }
}

function median(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)] ?? Number.NaN
}
