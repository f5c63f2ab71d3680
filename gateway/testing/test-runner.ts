import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import { gpuEvidenceDigest } from '#attestation'
import { base64, hex, utf8 } from '#base/bytes.ts'
import type { Nano } from '#base/nano.ts'
import type { SimulatedTee } from '#dev/world/simulated-tee.ts'
import { simulatedQuoter } from '#dev/world/simulated-tee.ts'
import {
  type Allowance,
  allowanceKeyFromEnc,
  type BodySealer,
  type Capabilities,
  costOf,
  formatSubject,
  generateSealingKey,
  gpuNonce,
  HPKE_KEYS_PATH,
  HPKE_KEYS_TYPE,
  jsonFrameBeforeReceipt,
  jsonReceiptFrame,
  type Keyset,
  keysetDigest,
  type MacKey,
  type OpenedRequest,
  offeredVersions,
  openAllowance,
  openRequest,
  ProtocolError,
  parseRegisterAnswer,
  type Receipt,
  type RegisterAnswer,
  ReplayGuard,
  type Report,
  readEnvelope,
  receiptId,
  receiptJson,
  reportData,
  requestDigests,
  SessionTable,
  type Signer,
  signHeartbeat,
  signReceipt,
  signRegistration,
  sseReceiptFrame,
  Transcript,
  toProblem,
} from '#protocol'
import { generateSigner, nodeProvider } from '#protocol/node'
import { MODEL, PAYEE, randomBytes, WEIGHTS } from './world.ts'

/** What a test makes of a request that opened. Default: two chunks or one JSON object, all in order. */
export type Behaviour = (exchange: TestExchange) => void | Promise<void>

export interface TestExchange {
  readonly allowance: Allowance
  readonly opened: OpenedRequest
  readonly text: string
  readonly request: IncomingMessage
  readonly response: ServerResponse
  readonly sealer: BodySealer<'sync'>
  readonly headers: Readonly<Record<string, string>>
  /** Signs over what was sealed so far. */
  receipt(changes?: Partial<Usage>): Receipt
}

interface Usage {
  readonly prompt: number
  readonly completion: number
  readonly stop: 'normal' | 'length' | 'aborted' | 'error'
  readonly payee: string
  /** Another price than the allowance's. */
  readonly price: Allowance['price']
  readonly signer: Signer
  /** What it says of the answer's bytes. */
  readonly responseHash: string
  /** Another attempt than the one that it was asked for. */
  readonly attempt: number
  /** Another sum than the counts come to. */
  readonly cost: Nano
}

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

export interface RegistrationChanges {
  /** Which of the world's machines it runs on. */
  readonly machine?: number
  /** Hides its GPU, where the gateway allows that. */
  readonly withoutGpu?: boolean
  /** Of the sealed protocol, as its report lists them. */
  readonly versions?: readonly string[]
  /** Last moment changes of what is sent. */
  readonly payee?: string
  readonly url?: string
  readonly report?: (report: Report) => Report
  readonly signer?: Signer
  readonly challenge?: string
  readonly gateway?: string
  readonly coefficientBps?: number
  readonly capacity?: number
  readonly maxOutputTokens?: number
  readonly capabilities?: Capabilities
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
  const answer = await registerAt(world.gateway.origin, runner, url, changes).catch(
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

/** A registration that the gateway refused. */
export class RegistrationRefused extends Error {
  readonly status: number
  readonly error: { code: string; param: string | null; message: string }

  constructor(status: number, error: RegistrationRefused['error']) {
    super(error.message)
    this.status = status
    this.error = error
  }
}

async function registerAt(
  origin: string,
  runner: Awaited<ReturnType<typeof makeRunner>>,
  url: string,
  changes: RegistrationChanges,
): Promise<RegisterAnswer> {
  const asked = await fetch(`${origin}/v1/runners/challenge`, { method: 'POST', body: '{}' })
  // Sound: a 200 of this route has this shape.
  const issued = (await asked.json()) as { challenge: string; gateway: string }
  const challenge = changes.challenge ?? issued.challenge
  const honest = await runner.report(challenge)
  const report = changes.report?.(honest) ?? honest
  const body = signRegistration(
    {
      gateway: changes.gateway ?? issued.gateway,
      challenge,
      payee: changes.payee ?? PAYEE,
      transport: { kind: 'direct', url },
      model: {
        id: MODEL,
        context_length: 4_096,
        max_output_tokens: changes.maxOutputTokens ?? 1_024,
        price_coefficient_bps: changes.coefficientBps ?? 10_000,
        ...(changes.capabilities === undefined ? {} : { capabilities: changes.capabilities }),
      },
      capacity: changes.capacity ?? 8,
      sequence: 1,
      keyset_digest: report.workload_keyset_digest,
    },
    report,
    changes.signer ?? runner.signer,
  )
  const response = await fetch(`${origin}/v1/runners/register`, {
    method: 'POST',
    body: JSON.stringify(body),
  })
  const told: unknown = await response.json()
  if (!response.ok) {
    // Sound: every error of the gateway has this shape.
    throw new RegistrationRefused(
      response.status,
      (told as { error: RegistrationRefused['error'] }).error,
    )
  }
  return parseRegisterAnswer(told, 'register')
}

async function makeRunner(tee: SimulatedTee, payee: string, changes: RegistrationChanges) {
  const sealing = {
    'ehbp-x25519': await generateSealingKey(nodeProvider.suites['ehbp-x25519']),
    'ehbp-mlkem768-x25519': await generateSealingKey(nodeProvider.suites['ehbp-mlkem768-x25519']),
  }
  const signer = generateSigner('receipt-1')
  const guard = new ReplayGuard()
  const keys = { sealing, guard, sessions: new SessionTable(guard) }
  const published = {
    receipt_signing_keys: [
      { key_id: signer.keyId, algo: 'ed25519', public_key: hex(signer.publicKey) },
    ],
    e2ee_public_keys: Object.entries(sealing).map(([algo, { publicKey }]) => ({
      key_id: algo,
      algo,
      public_key: hex(publicKey),
    })),
  }
  const quoter = simulatedQuoter(tee, changes.machine ?? 0)
  const gpu = changes.withoutGpu === true ? null : await quoter.gpu(gpuNonce(published))
  const subject = {
    gpu: gpu === null ? 'none' : await gpuEvidenceDigest(gpu.devices),
    model: MODEL,
    payee,
    weights: WEIGHTS,
  }
  const keyset: Keyset = {
    subject: formatSubject(subject),
    not_after: Math.floor(Date.now() / 1000) + 3_600,
    ...published,
    tls_public_keys: [],
  }
  const digest = keysetDigest(keyset)
  const seen: Allowance[] = []
  const outbox: { receipt: ReturnType<typeof receiptJson>; ref: string }[] = []
  let behaviour: Behaviour = answerInOrder
  let refusal: ((response: ServerResponse) => void) | undefined
  let lease: { key: MacKey; session: string } | undefined

  const report = async (nonce: string): Promise<Report> => {
    const data = reportData(digest, nonce)
    const devices = gpu?.devices.map((device) => ({
      evidence: base64(device.evidence),
      certificate: base64(device.certificate),
    }))
    return {
      api_version: 'aci/1',
      workload_keyset_digest: digest,
      service_capabilities: {
        supported_e2ee_versions: [...(changes.versions ?? offeredVersions())],
        serving: 'direct',
      },
      attestation: {
        tee_type: quoter.teeType.replace('-', '_'),
        workload_keyset: keyset,
        report_data: hex(data),
        evidence: {
          tee: await quoter.quote(data),
          ...(gpu === null || devices === undefined
            ? {}
            : { gpu: { arch: gpu.arch, nonce: hex(gpuNonce(keyset)), devices } }),
        },
      },
    }
  }

  const serve = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    const body = await readAll(request)
    if (refusal !== undefined) {
      refusal(response)
      return
    }
    const envelope = readEnvelope((name) => request.headers[name], nodeProvider)
    if (lease === undefined) throw new TypeError('not registered')
    const header = request.headers['x-cocoon-allowance']
    const now = Math.floor(Date.now() / 1000)
    const allowance = openAllowance(nodeProvider, String(header), lease.key, {
      binding: envelope.binding,
      now,
    })
    const opened = await openRequest(nodeProvider, {
      envelope,
      body,
      keys,
      facts: {
        path: request.url ?? '',
        model: MODEL,
        session: allowance.session,
        attempt: allowance.attempt,
        maxCost: allowance.max_cost,
        now,
      },
    })
    seen.push(allowance)
    const { commitmentKey, plaintext } = opened
    const digests = requestDigests(nodeProvider.hashes, { wire: body, plaintext, commitmentKey })
    const transcript = new Transcript(nodeProvider.hashes, commitmentKey)
    const { headers, keys: responseKeys } = opened.respond(randomBytes(32))
    const receipt = (usage: Partial<Usage> = {}): Receipt => {
      const counts = {
        prompt_tokens: usage.prompt ?? 10,
        cached_tokens: 0,
        completion_tokens: usage.completion ?? 5,
        reasoning_tokens: 0,
      }
      const response = transcript.digests()
      const { request: id } = allowance
      const { price = allowance.price, attempt = allowance.attempt } = usage
      const signed = signReceipt(
        {
          receipt_id: receiptId(id, attempt),
          chat_id: 'chatcmpl-1',
          model: MODEL,
          workload_keyset_digest: digest,
          endpoint: request.url ?? '',
          served_at: now,
          event_log: [
            { type: 'request.received', body_hash: digests.body_hash },
            {
              type: 'usage.metered',
              request: id,
              attempt,
              ...counts,
              stop_reason: usage.stop ?? 'normal',
              price,
              cost: usage.cost ?? costOf(counts, price),
              payee: usage.payee ?? payee,
            },
            {
              type: 'plaintext.committed',
              algo: 'hmac-sha256',
              request: digests.commitment,
              response: response.commitment,
            },
            { type: 'response.returned', body_hash: usage.responseHash ?? response.body_hash },
          ],
        },
        usage.signer ?? signer,
      )
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
      const key = await allowanceKeyFromEnc(sealing['ehbp-x25519'], new Uint8Array(enc))
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

function nonceOf(url = ''): string {
  return new URL(url, 'http://runner').searchParams.get('nonce') ?? '00'.repeat(32)
}

export const CHUNKS = ['Hello', ' world'].map((content) => {
  const chunk = {
    id: 'chatcmpl-1',
    object: 'chat.completion.chunk',
    created: 1,
    model: MODEL,
    choices: [{ index: 0, delta: { content }, finish_reason: null }],
  }
  return `data: ${JSON.stringify(chunk)}\n\n`
})

export const COMPLETION = {
  id: 'chatcmpl-1',
  object: 'chat.completion',
  created: 1,
  model: MODEL,
  choices: [
    { index: 0, message: { role: 'assistant', content: 'Hello world' }, finish_reason: 'stop' },
  ],
  usage: {
    prompt_tokens: 10,
    completion_tokens: 5,
    total_tokens: 15,
    prompt_tokens_details: { cached_tokens: 0 },
    completion_tokens_details: { reasoning_tokens: 0 },
    cost: 0.000_000_023,
    cost_nano: '23',
  },
}

/** The default: what a good runner does. */
export function answerInOrder(exchange: TestExchange): void {
  const { response, sealer, headers, text } = exchange
  // Sound: the gateway has checked that the body is a JSON object.
  const { stream } = JSON.parse(text) as { stream?: boolean }
  if (stream !== true) {
    response.writeHead(200, { ...headers, 'content-type': 'application/json' })
    response.write(sealer.seal(jsonFrameBeforeReceipt(utf8(JSON.stringify(COMPLETION)))))
    response.write(sealer.seal(jsonReceiptFrame(exchange.receipt())))
    response.end(sealer.end())
    return
  }
  startStream(exchange)
  endStream(exchange)
}

/** An engine that is full, told inside the seal with a receipt over nothing. */
export function answerOverloaded({ response, sealer, headers, receipt }: TestExchange): void {
  const code = 'engine_overloaded'
  const error = { message: 'the engine is busy', type: 'server_error', param: null, code }
  response.writeHead(503, { ...headers, 'content-type': 'application/json' })
  response.write(sealer.seal(jsonFrameBeforeReceipt(utf8(JSON.stringify({ error })))))
  const nothing = receipt({ prompt: 0, completion: 0, stop: 'error' })
  response.end(Buffer.concat([sealer.seal(jsonReceiptFrame(nothing)), sealer.end()]))
}

export function startStream({ response, sealer, headers }: TestExchange): void {
  response.writeHead(200, { ...headers, 'content-type': 'text/event-stream' })
  for (const chunk of CHUNKS) response.write(sealer.seal(utf8(chunk)))
}

export function endStream({ response, sealer, receipt }: TestExchange): void {
  response.write(sealer.seal(utf8('data: [DONE]\n\n')))
  response.write(sealer.seal(sseReceiptFrame(receipt())))
  response.end(sealer.end())
}

async function readAll(request: IncomingMessage): Promise<Uint8Array> {
  const parts: Buffer[] = []
  for await (const part of request) parts.push(part)
  return Buffer.concat(parts)
}
