import { randomBytes } from 'node:crypto'
import { nano } from '#base/nano.ts'
import {
  generateSealingKey,
  openRequest,
  openSession,
  type Provider,
  padSse,
  ReplayGuard,
  readEnvelope,
  SessionTable,
  type SuiteName,
  sealRequest,
  webProvider,
} from '#protocol'
import { nodeProvider } from '#protocol/node'
import { leastCpuUs, type Section } from './section.ts'

const SUITES: readonly SuiteName[] = ['ehbp-x25519', 'ehbp-mlkem768-x25519']
const NOW_SECONDS = 1_000
const ACI_SESSION = 'ab'.repeat(32)
const HEAD = {
  path: '/v1/chat/completions',
  model: 'bench',
  session: ACI_SESSION,
  maxCost: nano(1_000_000_000n),
  notAfter: NOW_SECONDS + 60,
}
const FACTS = {
  path: HEAD.path,
  model: HEAD.model,
  session: ACI_SESSION,
  attempt: 1,
  maxCost: nano(5n),
  now: NOW_SECONDS,
}
const BODY = new Uint8Array(
  Buffer.from(
    JSON.stringify({ model: 'bench', messages: [{ role: 'user', content: 'x'.repeat(1_200) }] }),
  ),
)
const EVENT = padSse(
  new Uint8Array(Buffer.from('data: {"choices":[{"delta":{"content":"hello"}}]}\n\n')),
)
/** A gateway's session is hot code: fewer rounds would time the compiler. */
const SESSION_ROUNDS = 20
const us = (value: number): string => `${value.toFixed(1)} µs`

/** What sealing costs: per frame, per request of a session, and per request with a key agreement of its own. */
export async function sealSection(quick: boolean): Promise<Section> {
  const rounds = quick ? 4 : 12
  const rows: string[][] = []
  for (const size of [200, 65_536]) rows.push(await frameRow(size, rounds))
  for (const suite of SUITES) rows.push(await sessionRow(suite, SESSION_ROUNDS))
  for (const [runtime, provider] of [
    ['node:crypto', nodeProvider],
    ['WebCrypto', webProvider],
  ] as const) {
    for (const suite of SUITES) rows.push(await setupRow(runtime, provider, suite, rounds))
  }
  return {
    title: 'Sealing: CPU per operation, least of several rounds',
    header: ['operation', 'seal side', 'open side', 'throughput'],
    rows,
  }
}

async function frameRow(size: number, rounds: number): Promise<string[]> {
  const plaintext = new Uint8Array(size)
  const count = size > 1_000 ? 500 : 5_000
  const keys = { key: new Uint8Array(randomBytes(32)), nonce: new Uint8Array(12), end: true }
  let frames: Uint8Array[] = []
  const sealing = await leastCpuUs(rounds, count, () => {
    const sealer = nodeProvider.bodies.sealer(keys)
    frames = Array.from({ length: count }, () => sealer.seal(plaintext))
  })
  const opening = await leastCpuUs(rounds, count, () => {
    const opener = nodeProvider.bodies.opener(keys)
    for (const frame of frames) opener.push(frame)
  })
  const rate = `${(size / sealing).toFixed(0)} / ${(size / opening).toFixed(0)} MB/s`
  return [`one frame of ${size} bytes`, us(sealing), us(opening), rate]
}

/** A steady session: 1.3 KB request sealed, one 512-byte event and END opened, and the runner's halves of both. */
async function sessionRow(suite: SuiteName, rounds: number): Promise<string[]> {
  const sealing = await generateSealingKey(nodeProvider.suites[suite])
  const guard = new ReplayGuard()
  const keys = { sealing: { [suite]: sealing }, guard, sessions: new SessionTable(guard) }
  const session = await openSession(nodeProvider, {
    suite,
    publicKey: sealing.publicKey,
    now: NOW_SECONDS,
  })
  const count = 500
  let gatewayUs = Number.POSITIVE_INFINITY
  let runnerUs = Number.POSITIVE_INFINITY
  for (let round = 0; round < rounds; round++) {
    let asked: { request: ReturnType<typeof session.next>; wire: Uint8Array }[] = []
    const sealUs = await leastCpuUs(1, count, () => {
      asked = Array.from({ length: count }, () => {
        const request = session.next({ head: HEAD, attempt: 1, now: NOW_SECONDS })
        return { request, wire: request.sealBody(BODY) }
      })
    })
    const answers: { nonce: string; frames: Uint8Array[] }[] = []
    const serveUs = await leastCpuUs(1, count, async () => {
      for (const { request, wire } of asked) {
        const envelope = readEnvelope((name) => request.headers[name], nodeProvider)
        const opened = await openRequest(nodeProvider, { envelope, body: wire, keys, facts: FACTS })
        const { headers, keys: sealed } = opened.respond(new Uint8Array(randomBytes(32)))
        const sealer = nodeProvider.bodies.sealer(sealed)
        const nonce = headers['ehbp-response-nonce'] ?? ''
        answers.push({ nonce, frames: [sealer.seal(EVENT), sealer.end()] })
      }
    })
    const openUs = await leastCpuUs(1, count, () => {
      asked.forEach(({ request }, i) => {
        const answer = answers[i]
        const opener = request.opener(answer?.nonce ?? '')
        for (const frame of answer?.frames ?? []) opener.push(frame)
        opener.end()
      })
    })
    gatewayUs = Math.min(gatewayUs, sealUs + openUs)
    runnerUs = Math.min(runnerUs, serveUs)
  }
  return [`session request, ${suite} (gateway / runner)`, us(gatewayUs), us(runnerUs), '']
}

async function setupRow(
  runtime: string,
  provider: Provider,
  suite: SuiteName,
  rounds: number,
): Promise<string[]> {
  const sealing = await generateSealingKey(provider.suites[suite])
  const guard = new ReplayGuard()
  const keys = { sealing: { [suite]: sealing }, guard, sessions: new SessionTable(guard) }
  const count = 20
  let sealUs = Number.POSITIVE_INFINITY
  let openUs = Number.POSITIVE_INFINITY
  for (let round = 0; round < Math.ceil(rounds / 2); round++) {
    const sealed: Awaited<ReturnType<typeof sealRequest>>[] = []
    sealUs = Math.min(
      sealUs,
      await leastCpuUs(1, count, async () => {
        for (let i = 0; i < count; i++) {
          sealed.push(
            await sealRequest(provider, {
              suite,
              publicKey: sealing.publicKey,
              head: HEAD,
              body: BODY,
            }),
          )
        }
      }),
    )
    openUs = Math.min(
      openUs,
      await leastCpuUs(1, count, async () => {
        for (const { headers, body } of sealed) {
          const envelope = readEnvelope((name) => headers[name], provider)
          await openRequest(provider, { envelope, body, keys, facts: FACTS })
        }
      }),
    )
  }
  return [`request of its own, ${suite}, ${runtime}`, us(sealUs), us(openUs), '']
}
