import { join } from 'node:path'
import { hex } from '#base/bytes.ts'
import { awaitBalance, deposit, openAccount } from '#dev/world/fund-account.ts'
import { freePorts } from '#dev/world/ports.ts'
import { startWorld, type World } from '#dev/world/world.ts'
import { parseKeyset, preferredSealingKey } from '#protocol'
import type { LoadPlan, SealPlan } from './load.ts'
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
  readonly path?: string
  /** Bodies are sealed by the client before the load starts. */
  readonly seal?: Omit<SealPlan, 'count'>
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
const ENDPOINT = '/v1/chat/completions'
const SCRIPT_CHUNKS = 100
/** More than any row uses up. */
const SEALED_COUNT = 3_000

/** The same answers with nothing in between, with the least relay, with a peer, and with us. */
export async function relaySection(quick: boolean): Promise<Section> {
  const seconds = quick ? 1 : 2
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
      await sealedSubject(world),
    ]
    const creditedMs = await depositMs(world)
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
        `A deposit from a plain wallet was usable after ${(creditedMs / 1000).toFixed(1)} s.\n` +
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

/** From sending a plain transfer on the local chain until the gateway's balance shows it. */
async function depositMs({ info }: World): Promise<number> {
  const gateway = info.webUrl
  const account = await openAccount({ gateway, mode: 'managed' })
  const began = performance.now()
  await deposit({ endpoint: info.chainUrl, till: info.tillAddress, account, amount: '1' })
  await awaitBalance(gateway, account.apiKey, ({ available }) => available > 0n)
  return performance.now() - began
}

/** A client that sealed its bodies to the runner itself: the gateway relays what it cannot read. */
async function sealedSubject({ info, gateway }: World): Promise<Subject> {
  const plain = gatewaySubject(info.baseUrl, info.apiKey, gateway.pid, info.models[0] ?? '')
  const [runner] = (await readJson(`${info.baseUrl}/runners`)).data
  const document = await readJson(`${info.baseUrl}/aci/sessions/${runner.session_id}`)
  const { suite, publicKey } = preferredSealingKey(parseKeyset(document.workload_keyset, 'keyset'))
  return {
    ...plain,
    name: 'Cocoon, sealed client',
    path: `/runners/${info.runnerId}${ENDPOINT}`,
    headers: { ...plain.headers, 'x-cocoon-max-tokens': '256' },
    seal: {
      suite,
      publicKey: hex(publicKey),
      session: runner.session_id,
      model: info.models[0] ?? '',
      endpoint: ENDPOINT,
    },
  }
}

// The shapes of openapi.yaml; a wrong one fails in the parser of the keyset.
async function readJson(url: string): Promise<{
  readonly data: readonly [{ readonly session_id: string }]
  readonly workload_keyset: unknown
}> {
  return (await fetch(url)).json()
}

async function row(subject: Subject, scenario: Scenario, seconds: number): Promise<string[]> {
  const plan: LoadPlan = {
    port: subject.port,
    path: subject.path ?? ENDPOINT,
    headers: subject.headers,
    body: subject.body(scenario.script, scenario.stream),
    connections: scenario.connections,
    seconds,
    ...(subject.seal === undefined ? {} : { sealed: { ...subject.seal, count: SEALED_COUNT } }),
  }
  await measure({ ...plan, seconds: 1 }, undefined)
  const measured = await measure(plan, subject.pid)
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
