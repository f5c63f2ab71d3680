/**
 * usage: node bench/flame.ts [--seconds 5] [--to docs/flames]
 *
 * Profiles the main thread of a gateway under the relay section's load, and for each kind of request prints where the
 * time went and writes a flame graph. What the thread waits for (the disk, a turn on a busy core) is in it.
 */
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import type { Profiler } from 'node:inspector'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { gatewaySubject, sealedSubject, startBenchWorld } from './bench-world.ts'
import { costsOf } from './costs.ts'
import { flameSvg } from './flame-svg.ts'
import { foldProfile } from './fold-profile.ts'
import { measure } from './process.ts'
import { loadOf, type Scenario, type Subject, warmUpOf } from './subject.ts'
import { formatTable } from './table.ts'

const SHOWN = 10
const WARM_UP_REQUESTS = 8_000
const STREAMS_WARM_UP = 1_000
const WRITTEN_MS_MAX = 30_000

const { values } = parseArgs({
  options: {
    seconds: { type: 'string', default: '5' },
    to: { type: 'string', default: 'docs/flames' },
  },
})
const profiles = mkdtempSync(join(tmpdir(), 'cocoon-profiles-'))
process.env['COCOON_BENCH_PROFILES'] = profiles
process.env['NODE_OPTIONS'] = `--import=${join(import.meta.dirname, 'profile-hook.ts')}`

const world = await startBenchWorld()
try {
  mkdirSync(values.to, { recursive: true })
  const plain = gatewaySubject(world)
  const whole = { name: '32 connections', script: 'c100g0', stream: false, connections: 32 }
  const streams = { name: '256 streams', script: 'c100g10', stream: true, connections: 256 }
  await draw('plain', plain, whole)
  await draw('sealed', await sealedSubject(world), whole)
  await draw('plain-streamed', plain, streams)
} finally {
  await world.stop()
  rmSync(profiles, { recursive: true })
}

async function draw(name: string, subject: Subject, scenario: Scenario): Promise<void> {
  const { pid } = world.gateway
  const warmUp = scenario.stream ? STREAMS_WARM_UP : WARM_UP_REQUESTS
  await measure(warmUpOf(subject, scenario, warmUp), undefined)
  process.kill(pid, 'SIGUSR2')
  const { requests, cpuUsPerRequest } = await measure(
    loadOf(subject, scenario, Number(values.seconds)),
    pid,
  )
  process.kill(pid, 'SIGUSR2')
  const root = foldProfile(await readProfile(join(profiles, `${pid}.cpuprofile`)))
  const file = join(values.to, `${name}.svg`)
  const title = `${name}, ${scenario.name}: µs of the gateway's main thread per request (${requests} requests)`
  writeFileSync(file, flameSvg(root, title, requests))
  const rows = costsOf(root)
    .slice(0, SHOWN)
    .map(({ name: purpose, us }) => [purpose, `${(us / requests).toFixed(0)} µs`])
  console.log(`\n${title}; ${file}\n${formatTable(['main thread’s time a request', ''], rows)}`)
  console.log(`CPU of the whole process, profiler included: ${cpuUsPerRequest.toFixed(0)} µs`)
}

/** The gateway writes its profile after it was told to stop: it appears whole. */
async function readProfile(path: string): Promise<Profiler.Profile> {
  const began = performance.now()
  while (performance.now() - began < WRITTEN_MS_MAX) {
    try {
      // Sound: profile-hook.ts writes what the inspector gave it.
      const profile = JSON.parse(readFileSync(path, 'utf8')) as Profiler.Profile
      rmSync(path)
      return profile
    } catch {
      await new Promise((next) => setTimeout(next, 50))
    }
  }
  throw new Error('the gateway wrote no profile')
}
