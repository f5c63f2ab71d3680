import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { SimulatedTee } from '#dev/world/simulated-tee.ts'
import {
  type Allowance,
  allowanceKeyFromEnc,
  HPKE_KEYS_PATH,
  HPKE_KEYS_TYPE,
  type Keyset,
  type MacKey,
  openAllowance,
  openRequest,
  ProtocolError,
  type Receipt,
  type RegisterAnswer,
  type Report,
  readEnvelope,
  receiptJson,
  requestDigests,
  signHeartbeat,
  Transcript,
  toProblem,
} from '#protocol'
import { nodeProvider } from '#protocol/node'
import { type RegistrationChanges, registerRunner } from './register-runner.ts'
import { answerInOrder, type Behaviour, type ReceiptChanges } from './runner-answers.ts'
import { makeIdentity } from './runner-identity.ts'
import { signTestReceipt } from './sign-test-receipt.ts'
import { MODEL, PAYEE, randomBytes } from './world.ts'

export interface TestRunner {
  readonly id: string
  readonly sessionId: string
  readonly keyset: Keyset
  readonly answer: RegisterAnswer
  readonly url: string
  /** Requests that opened, newest last. */
  readonly seen: readonly Allowance[]
  /** Receipts with their refs, as an outbox would keep them. */
  readonly outbox: readonly {
    readonly receipt: ReturnType<typeof receiptJson>
    readonly ref: string
  }[]
  behave(behaviour: Behaviour): void
  /** Answers every POST before opening it. */
  refuse(answer: ((response: ServerResponse) => void) | undefined): void
  /** What it answers to anybody who asks for evidence over a nonce. */
  report(nonce: string): Promise<Report>
  /** Posts the outbox. */
  deliver(): Promise<{ results: { receipt_id: string; status: string; host?: string }[] }>
  heartbeat(changes?: { sequence?: number }): Promise<Response>
  close(): Promise<void>
}

/** Registers and serves like the real runner, with every step open to a test. */
export async function startTestRunner(
  world: { readonly gateway: { readonly origin: string }; readonly tee: SimulatedTee },
  changes: RegistrationChanges = {},
): Promise<TestRunner> {
  const runner = await makeRunner(world.tee, changes.payee ?? PAYEE, changes)
  const server = createServer((request, response) => void runner.handle(request, response))
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const address = server.address()
  if (address === null || typeof address === 'string') throw new TypeError('no port')
  const url = changes.url ?? `http://127.0.0.1:${address.port}`
  const close = async (): Promise<void> => {
    server.closeAllConnections()
    await new Promise<void>((resolve) => server.close(() => resolve()))
  }
  const answer = await registerRunner(world.gateway.origin, runner, url, changes).catch(
    async (error) => {
      await close()
      throw error
    },
  )
  await runner.accept(answer)
  let sequence = 100
  return {
    id: answer.runner_id,
    sessionId: answer.session_id,
    keyset: runner.keyset,
    answer,
    url,
    seen: runner.seen,
    outbox: runner.outbox,
    behave: runner.behave,
    refuse: runner.refuse,
    report: runner.report,
    deliver: async () => {
      const response = await fetch(`${world.gateway.origin}/v1/receipts`, {
        method: 'POST',
        body: JSON.stringify({ runner: answer.runner_id, receipts: runner.outbox }),
      })
      // Sound: a 200 of this route has this shape.
      return (await response.json()) as Awaited<ReturnType<TestRunner['deliver']>>
    },
    heartbeat: (said = {}) =>
      fetch(`${world.gateway.origin}/v1/runners/heartbeat`, {
        method: 'POST',
        body: JSON.stringify(
          signHeartbeat(
            {
              gateway: world.gateway.origin,
              runner_id: answer.runner_id,
              sequence: said.sequence ?? sequence++,
              in_flight: 0,
              capacity: 8,
              at: Math.floor(Date.now() / 1000),
            },
            runner.signer,
          ),
        ),
      }),
    close,
  }
}

async function makeRunner(tee: SimulatedTee, payee: string, changes: RegistrationChanges) {
  const { keyset, digest, signer, keys, report } = await makeIdentity(tee, payee, changes)
  const seen: Allowance[] = []
  const outbox: { receipt: ReturnType<typeof receiptJson>; ref: string }[] = []
  let behaviour: Behaviour = answerInOrder
  let refusal: ((response: ServerResponse) => void) | undefined
  let lease: { key: MacKey; session: string } | undefined

  const serve = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    const body = await readAll(request)
    if (refusal !== undefined) {
      refusal(response)
      return
    }
    if (lease === undefined) throw new TypeError('not registered')
    const now = Math.floor(Date.now() / 1000)
    const { allowance, opened } = await openAllowed(request, { body, keys, key: lease.key, now })
    seen.push(allowance)
    const { commitmentKey, plaintext } = opened
    const digests = requestDigests(nodeProvider.hashes, { wire: body, plaintext, commitmentKey })
    const transcript = new Transcript(nodeProvider.hashes, commitmentKey)
    const { headers, keys: responseKeys } = opened.respond(randomBytes(32))
    const path = request.url ?? ''
    const served = { allowance, digest, path, at: now, payee, digests, transcript, signer }
    const receipt = (changes: Partial<ReceiptChanges> = {}): Receipt => {
      const signed = signTestReceipt(served, changes)
      outbox.push({ receipt: receiptJson(signed), ref: allowance.ref })
      return signed
    }
    const text = new TextDecoder().decode(plaintext).trimEnd()
    const sealer = nodeProvider.bodies.sealer(responseKeys, transcript)
    await behaviour({ allowance, opened, text, request, response, sealer, headers, receipt })
  }

  return {
    keyset,
    signer,
    seen,
    outbox,
    report,
    behave: (next: Behaviour) => {
      behaviour = next
    },
    refuse: (answer: ((response: ServerResponse) => void) | undefined) => {
      refusal = answer
    },
    accept: async (answer: RegisterAnswer) => {
      const enc = Buffer.from(answer.allowance_enc, 'hex')
      const key = await allowanceKeyFromEnc(keys.sealing['ehbp-x25519'], new Uint8Array(enc))
      lease = { key: nodeProvider.hashes.macKey(key), session: answer.session_id }
    },
    handle: async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
      try {
        if (request.method === 'GET') {
          const isKeys = request.url === HPKE_KEYS_PATH
          const type = isKeys ? HPKE_KEYS_TYPE : 'application/json'
          response.writeHead(200, { 'content-type': type, 'set-cookie': 'a=b' })
          response.end(JSON.stringify(await report(nonceOf(request.url))))
          return
        }
        await serve(request, response)
      } catch (error) {
        if (!(error instanceof ProtocolError)) throw error
        const { status, contentType, body } = toProblem(error)
        response.writeHead(status, { 'content-type': contentType }).end(JSON.stringify(body))
      }
    },
  }
}

/** What is allowed to be served, and what was sealed. @throws ProtocolError */
async function openAllowed(
  request: IncomingMessage,
  given: {
    readonly body: Uint8Array
    readonly keys: Awaited<ReturnType<typeof makeIdentity>>['keys']
    readonly key: MacKey
    readonly now: number
  },
) {
  const { body, keys, key, now } = given
  const envelope = readEnvelope((name) => request.headers[name], nodeProvider)
  const { binding } = envelope
  const header = String(request.headers['x-cocoon-allowance'])
  const allowance = openAllowance(nodeProvider, header, key, { binding, now })
  const { session, attempt, max_cost: maxCost } = allowance
  const facts = { path: request.url ?? '', model: MODEL, session, attempt, maxCost, now }
  return { allowance, opened: await openRequest(nodeProvider, { envelope, body, keys, facts }) }
}

function nonceOf(url = ''): string {
  return new URL(url, 'http://runner').searchParams.get('nonce') ?? '00'.repeat(32)
}

async function readAll(request: IncomingMessage): Promise<Uint8Array> {
  const parts: Buffer[] = []
  for await (const part of request) parts.push(part)
  return Buffer.concat(parts)
}
