import { join } from 'node:path'
import { freePorts } from '#dev/world/ports.ts'
import { startWorld } from '#dev/world/world.ts'
import type { LoadPlan } from './load.ts'
import { startPortkey } from './portkey.ts'
import { type Child, measure, startChild } from './process.ts'
import type { Section } from './section.ts'

/** One way to reach the same scripted answers. */
interface Subject {
  readonly name: string
  readonly port: number
  /** The process whose CPU counts; undefined for the upstream itself. */
  readonly pid: number | undefined
  readonly headers: Readonly<Record<string, string>>
  /** The request's body for a script. */
  readonly body: (script: string, stream: boolean) => string
}

interface Scenario {
  readonly name: string
  readonly script: string
  readonly stream: boolean
  readonly connections: number
}

const SCENARIOS: readonly Scenario[] = [
  { name: '1 connection', script: 'c100g0', stream: false, connections: 1 },
  { name: '32 connections', script: 'c100g0', stream: false, connections: 32 },
  { name: '256 connections', script: 'c100g0', stream: false, connections: 256 },
  { name: '256 streams × 100 chunks/s', script: 'c100g10', stream: true, connections: 256 },
]
const PROMPT = 'Write a short story about a gateway. '.repeat(30)
const DEPOSIT_TON = '900'

/** The same answers with nothing in between, with the least relay, with a peer, and with us. */
export async function relaySection(quick: boolean): Promise<Section> {
  const seconds = quick ? 2 : 4
  const ports = await freePorts()
  const upstreamPort = ports.chain
  const children: Child[] = []
  const world = await startWorld({
    ports: await freePorts(),
    folder: join(process.cwd(), '.cocoon/bench/world'),
    engine: {
      model: 'bench',
      engine: { kind: 'scripted', script: 'c100g0' },
      weights: `sha256:${'0'.repeat(64)}`,
    },
    depositTon: DEPOSIT_TON,
    capacity: 1_024,
    // The chain's own work is not the relay's.
    minChargeTon: '1000000',
  })
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
      gatewaySubject(
        world.info.baseUrl,
        world.info.apiKey,
        world.gateway.pid,
        world.info.models[0] ?? '',
      ),
    ]
    const rows: string[][] = []
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

/** The scripted engine behind our runner plays the script that the last message is. */
function gatewaySubject(baseUrl: string, apiKey: string, pid: number, model: string): Subject {
  return {
    name: 'Cocoon, plain client',
    port: Number(new URL(baseUrl).port),
    pid,
    headers: { authorization: `Bearer ${apiKey}` },
    body: (script, stream) =>
      JSON.stringify({
        model,
        stream,
        max_tokens: 200,
        messages: [
          { role: 'system', content: PROMPT },
          { role: 'user', content: script },
        ],
      }),
  }
}

async function row(subject: Subject, scenario: Scenario, seconds: number): Promise<string[]> {
  const plan: LoadPlan = {
    port: subject.port,
    path: '/v1/chat/completions',
    headers: subject.headers,
    body: subject.body(scenario.script, scenario.stream),
    connections: scenario.connections,
    seconds,
  }
  await measure({ ...plan, seconds: 1 }, undefined)
  const result = await measure(plan, subject.pid)
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
