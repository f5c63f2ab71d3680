import { mkdtempSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { unixSeconds } from '#base/brand.ts'
import { type ConnectOptions, connect, parseSimulation, simulationJson } from '#client'
import { freePorts } from '#dev/world/ports.ts'
import { simulationOf } from '#dev/world/simulated-tee.ts'
import { startWorld } from '#dev/world/world.ts'
import type { Section } from './section.ts'

const ROUNDS = 15
const QUICK_ROUNDS = 3

/** Requests of a cold connect by what they are for, in the order in which they are made. */
const PARTS: readonly (readonly [RegExp, string])[] = [
  [/^POST /, 'read the Registry (one endpoint)'],
  [/\/v1\/runners$/, 'list candidates'],
  [/\/collateral$/, 'ask for bundled collateral'],
  [/\/v1\/aci\/sessions\//, 'session document'],
  [/\/attestation\?/, 'fresh quote over an own nonce'],
]

/** Cold connect: from nothing to a verified runner, against the simulated world on this machine. */
export async function connectSection(quick: boolean): Promise<Section> {
  const folder = mkdtempSync(join(tmpdir(), 'cocoon-bench-'))
  const world = await startWorld({ ports: await freePorts(), folder })
  try {
    const now = unixSeconds(Math.floor(Date.now() / 1000))
    const file = JSON.stringify(
      simulationJson({ ...(await simulationOf(world.tee)), created: now }),
    )
    const { baseUrl, apiKey, chainUrl, registryAddress } = world.info
    return await measure(quick ? QUICK_ROUNDS : ROUNDS, {
      ...{ baseURL: baseUrl, apiKey, allowSimulated: true },
      registry: { endpoints: [chainUrl], address: registryAddress },
      simulation: parseSimulation(JSON.parse(file), now),
    })
  } finally {
    await world.stop()
  }
}

async function measure(rounds: number, options: ConnectOptions): Promise<Section> {
  const parts = new Map<string, number[]>()
  const timed: typeof fetch = async (input, init) => {
    const began = performance.now()
    const response = await fetch(input, init)
    const bytes = await response.arrayBuffer()
    const name = `${init?.method ?? 'GET'} ${String(input)}`
    const [, part = 'other'] = PARTS.find(([pattern]) => pattern.test(name)) ?? []
    parts.set(part, [...(parts.get(part) ?? []), performance.now() - began])
    return new Response(bytes, { status: response.status, headers: response.headers })
  }
  const totals: number[] = []
  let runners = 0
  for (let round = 0; round < rounds; round++) {
    const began = performance.now()
    const connection = await connect({ ...options, fetch: timed })
    totals.push(performance.now() - began)
    runners = connection.verification.runners.length
    connection.close()
  }
  const rows = [...parts].map(([part, all]) => [`of it: ${part}`, median(all)])
  return {
    title: `Cold connect, ${runners} runner(s) verified`,
    header: ['step', 'ms, median'],
    rows: [['connect, whole', median(totals)], ...rows],
    note: 'Parts of several runners overlap. What remains is verification: certificates, quote, GPUs, policy.',
  }
}

function median(values: readonly number[]): string {
  const sorted = values.toSorted((a, b) => a - b)
  return (sorted[Math.floor(sorted.length / 2)] ?? 0).toFixed(1)
}
