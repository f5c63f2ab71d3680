import { join } from 'node:path'
import { awaitBalance, deposit, openAccount } from '#dev/world/fund-account.ts'
import { freePorts } from '#dev/world/ports.ts'
import type { World } from '#dev/world/world.ts'
import { gatewaySubject, sealedSubject, startBenchWorld } from './bench-world.ts'
import { startPortkey } from './portkey.ts'
import { type Child, idleMsPerSecond, measure, startChild } from './process.ts'
import type { Section } from './section.ts'
import { loadOf, PROMPT, type Scenario, type Subject, warmUpOf } from './subject.ts'

const SCENARIOS: readonly Scenario[] = [
  { name: '1 connection', script: 'c100g0', stream: false, connections: 1 },
  { name: '32 connections', script: 'c100g0', stream: false, connections: 32 },
  { name: '256 connections', script: 'c100g0', stream: false, connections: 256 },
  { name: '256 streams × 100 chunks/s', script: 'c100g10', stream: true, connections: 256 },
]
/** Until a compiler has seen enough of a process: as many requests of each. Each row warms its own connections for a second besides. */
const WARM_UP: Scenario = {
  name: 'warm-up',
  script: 'c100g0',
  stream: false,
  connections: 32,
}
const WARM_UP_REQUESTS = { quick: 2_000, whole: 16_000 }
const SCRIPT_CHUNKS = 100

/** The same answers with nothing in between, with the least relay, with a peer, and with us. */
export async function relaySection(quick: boolean): Promise<Section> {
  const seconds = quick ? 1 : 2
  const warmUp = WARM_UP_REQUESTS[quick ? 'quick' : 'whole']
  const ports = await freePorts()
  const upstreamPort = ports.chain
  const children: Child[] = []
  const world = await startBenchWorld()
  try {
    children.push(await startChild(process.execPath, ['bench/upstream.ts', String(upstreamPort)]))
    const bare = await startChild(process.execPath, [
      'bench/bare-relay.ts',
      String(ports.runner),
      String(upstreamPort),
    ])
    children.push(bare)
    const portkey = await startPortkey(join(process.cwd(), '.cocoon/bench/portkey'), ports.gateway)
    if (portkey !== undefined) children.push(portkey)
    const subjects = [
      upstreamSubject('upstream alone', upstreamPort, undefined),
      upstreamSubject('bare relay', ports.runner, bare.pid),
      ...(portkey === undefined ? [] : [portkeySubject(ports.gateway, portkey.pid, upstreamPort)]),
      gatewaySubject(world),
      await sealedSubject(world),
    ]
    const creditedMs = await depositMs(world)
    const rows: string[][] = []
    for (const subject of subjects) {
      if (subject.pid !== undefined) await measure(warmUpOf(subject, WARM_UP, warmUp), undefined)
    }
    const idleMs = await idleMsPerSecond(world.gateway.pid)
    for (const scenario of SCENARIOS) {
      for (const subject of subjects) rows.push(await row(subject, scenario, seconds))
    }
    return {
      title: 'Relay: the same answers through each, one after the other in this run',
      header: [
        'scenario',
        'through',
        'req/s',
        'CPU/req',
        'CPU/chunk',
        'first byte p50',
        'p99',
        'RSS',
        'failed',
      ],
      rows,
      note:
        `A deposit from a plain wallet was usable after ${(creditedMs / 1000).toFixed(1)} s.\n` +
        `Without requests ours takes ${idleMs.toFixed(0)} ms of CPU a second, which is in its rows: it asks a local chain twice a second.\n` +
        'Ours does what the others do not: authenticates, holds and settles durably, seals, opens, checks a signed receipt.' +
        (portkey === undefined ? '\nPortkey: not run (the registry could not be reached).' : ''),
    }
  } finally {
    await Promise.all(children.map((child) => child.stop()))
    await world.stop()
  }
}

function chatBody(model: string, content: string, stream: boolean): string {
  return JSON.stringify({ model, stream, max_tokens: 200, messages: [{ role: 'user', content }] })
}

function upstreamSubject(name: string, port: number, pid: number | undefined): Subject {
  const body = (script: string, stream: boolean): string =>
    chatBody(stream ? script : 'bench', PROMPT, stream)
  return { name, port, pid, headers: {}, body }
}

function portkeySubject(port: number, pid: number, upstreamPort: number): Subject {
  const headers = {
    authorization: 'Bearer sk-bench',
    'x-portkey-provider': 'openai',
    'x-portkey-custom-host': `http://127.0.0.1:${upstreamPort}/v1`,
  }
  return { ...upstreamSubject('Portkey 1.15.2', port, pid), headers }
}

/** From sending a plain transfer on the local chain until the gateway's balance shows it. */
async function depositMs({ info }: World): Promise<number> {
  const gateway = info.webUrl
  const account = await openAccount({ gateway, mode: 'managed' })
  const began = performance.now()
  await deposit({ endpoint: info.chainUrl, till: info.tillAddress, account, amount: '1' })
  await awaitBalance(gateway, account.apiKey, ({ available }) => available > 0n)
  return performance.now() - began
}

async function row(subject: Subject, scenario: Scenario, seconds: number): Promise<string[]> {
  await measure(loadOf(subject, scenario, 1), undefined)
  const measured = await measure(loadOf(subject, scenario, seconds), subject.pid)
  // Sealed events cannot be counted from outside; every stream has as many as its script says.
  const chunks = subject.seal === undefined ? measured.chunks : measured.requests * SCRIPT_CHUNKS
  const result = {
    ...measured,
    cpuUsPerChunk: (measured.cpuUsPerRequest * measured.requests) / Math.max(1, chunks),
  }
  const us = (value: number): string => (subject.pid === undefined ? '–' : `${value.toFixed(0)} µs`)
  return [
    scenario.name,
    subject.name,
    (result.requests / result.seconds).toFixed(0),
    us(result.cpuUsPerRequest),
    scenario.stream ? us(result.cpuUsPerChunk) : '',
    `${result.firstByteMs.p50.toFixed(1)} ms`,
    `${result.firstByteMs.p99.toFixed(1)} ms`,
    subject.pid === undefined ? '–' : `${(result.residentKib / 1024).toFixed(0)} MiB`,
    result.failed === 0 ? '0' : `${result.failed} (${result.firstFailure.split('\r\n')[0]})`,
  ]
}
