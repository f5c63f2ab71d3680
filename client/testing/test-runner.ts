import { imageHash, modelHash } from '#attestation'
import { type Clock, toSeconds } from '#base/brand.ts'
import { type Bytes, base64, hex, utf8 } from '#base/bytes.ts'
import type { Json } from '#base/jcs.ts'
import { nano, nanoPerMillion } from '#base/nano.ts'
import type { AmdForge } from '#dev/forge/amd.ts'
import {
  contentAddress,
  costOf,
  formatSubject,
  generateSealingKey,
  jsonFrameBeforeReceipt,
  jsonReceiptFrame,
  type Keyset,
  keysetDigest,
  type MeteredUsage,
  type OpenedRequest,
  openRequest,
  ProtocolError,
  type Provider,
  padSse,
  ReplayGuard,
  type RunnerKeys,
  readEnvelope,
  reportData,
  requestDigests,
  SessionTable,
  type Signer,
  signReceipt,
  sseReceiptFrame,
  Transcript,
  toProblem,
  type UnsignedReceipt,
} from '#protocol'
import { generateSigner, nodeProvider } from '#protocol/node'

export const random = (length: number): Bytes => crypto.getRandomValues(new Uint8Array(length))
export const MEASUREMENT: Bytes = utf8('m'.repeat(48))
export const WEIGHTS = `sha256:${'5e'.repeat(32)}`
export const MODEL = 'test-model'
export const PRICE = {
  input: nanoPerMillion(1_000_000n),
  cached: nanoPerMillion(500_000n),
  output: nanoPerMillion(2_000_000n),
}

/** What a test's runner does with a request, and how its host lies. */
export interface Behaviour {
  /** Events of a streamed answer, without `[DONE]`. */
  readonly events?: AsyncIterable<string> | readonly string[]
  readonly usage?: Partial<MeteredUsage>
  /** Changes the receipt before it is signed. */
  readonly receipt?: (receipt: UnsignedReceipt) => UnsignedReceipt
  readonly withoutReceipt?: boolean
  /** Answers with this error object inside the seal. */
  readonly error?: number
}

export interface Answer {
  readonly status: number
  readonly headers: Record<string, string>
  readonly frames: AsyncIterable<Bytes>
}

/** The inside of an enclave, made of the protocol's own runner half and forged evidence. */
export interface TestRunner {
  readonly id: string
  readonly payee: string
  readonly keyset: Keyset
  readonly signer: Signer
  readonly session: Json
  readonly sessionId: string
  readonly provider: Provider<'sync'>
  /** Prompts that it opened. */
  readonly opened: string[]
  behaviour: Behaviour
  report(nonce: string): Promise<Json>
  serve(path: string, headers: Headers, body: Bytes): Promise<Answer>
}

export async function makeRunner(options: {
  readonly forge: AmdForge
  readonly clock: Clock
  readonly id: string
  readonly payee?: string
  readonly model?: string
  readonly lifeSeconds?: number
  readonly measurement?: Bytes
  /** Cryptography of the enclave; default: Node's. */
  readonly provider?: Provider<'sync'>
}): Promise<TestRunner> {
  const { forge, clock, id, model = MODEL, lifeSeconds = 3_600 } = options
  const provider = options.provider ?? nodeProvider
  const payee = options.payee ?? `0:${hex(random(32))}`
  const { suites } = provider
  const sealing = {
    'ehbp-x25519': await generateSealingKey(suites['ehbp-x25519']),
    'ehbp-mlkem768-x25519': await generateSealingKey(suites['ehbp-mlkem768-x25519']),
  }
  const signer = generateSigner('receipt-1')
  const keyset: Keyset = {
    subject: formatSubject({ gpu: 'none', model, payee, weights: WEIGHTS }),
    not_after: toSeconds(clock()) + lifeSeconds,
    receipt_signing_keys: [
      { key_id: signer.keyId, algo: 'ed25519', public_key: hex(signer.publicKey) },
    ],
    e2ee_public_keys: Object.entries(sealing).map(([algo, { publicKey }]) => ({
      ...{ algo, key_id: algo },
      public_key: hex(publicKey),
    })),
    tls_public_keys: [],
  }
  const session: Json = { api_version: 'aci/1', upstream_name: id, workload_keyset: keyset as Json }
  const guard = new ReplayGuard()
  const keys: RunnerKeys = { sealing, guard, sessions: new SessionTable(guard) }
  const runner: TestRunner = {
    ...{ id, payee, keyset, signer, session, provider, opened: [], behaviour: {} },
    sessionId: contentAddress(session),
    report: async (nonce) => reportOf({ forge, keyset, nonce, measurement: options.measurement }),
    serve: async (path, headers, body) => {
      try {
        return await answerOf(runner, { keys, model, path, headers, body, now: toSeconds(clock()) })
      } catch (error) {
        if (!(error instanceof ProtocolError)) throw error
        const { status, contentType, body: problem } = toProblem(error)
        return {
          status,
          headers: { 'content-type': contentType },
          frames: listed([utf8(JSON.stringify(problem))]),
        }
      }
    },
  }
  return runner
}

async function reportOf(given: {
  readonly forge: AmdForge
  readonly keyset: Keyset
  readonly nonce: string
  readonly measurement: Bytes | undefined
}): Promise<Json> {
  const { forge, keyset, nonce, measurement = MEASUREMENT } = given
  const data = reportData(keysetDigest(keyset), nonce)
  const report = await forge.report({ reportData: data, measurement })
  return {
    api_version: 'aci/1',
    workload_keyset_digest: keysetDigest(keyset),
    service_capabilities: { supported_e2ee_versions: ['ehbp', 'cocoon/1'], serving: 'direct' },
    attestation: {
      tee_type: 'sev_snp',
      workload_keyset: keyset as Json,
      report_data: hex(data),
      evidence: {
        tee: { type: 'sev-snp', report: base64(report), vek: base64(await forge.vek()) },
      },
    },
  }
}

async function answerOf(
  runner: TestRunner,
  given: {
    readonly keys: RunnerKeys
    readonly model: string
    readonly path: string
    readonly headers: Headers
    readonly body: Bytes
    readonly now: number
  },
): Promise<Answer> {
  const { keys, model, path, headers, body, now } = given
  const envelope = readEnvelope((name) => headers.get(name), runner.provider)
  const opened = await openRequest(runner.provider, {
    ...{ envelope, body, keys },
    facts: { path, model, session: runner.sessionId, attempt: 1, maxCost: nano(1n), now },
  })
  const text = new TextDecoder().decode(opened.plaintext).trimEnd()
  runner.opened.push(text)
  const asked: { stream?: boolean } = JSON.parse(text)
  const { behaviour } = runner
  const stream = asked.stream === true && behaviour.error === undefined
  const respond = opened.respond(random(32))
  return {
    status: behaviour.error ?? 200,
    headers: {
      ...respond.headers,
      'content-type': stream ? 'text/event-stream' : 'application/json',
    },
    frames: sealedFrames(runner, { opened, respond, stream, path, body, model, now }),
  }
}

async function* sealedFrames(
  runner: TestRunner,
  given: {
    readonly opened: OpenedRequest
    readonly respond: ReturnType<OpenedRequest['respond']>
    readonly stream: boolean
    readonly path: string
    readonly body: Bytes
    readonly model: string
    readonly now: number
  },
): AsyncGenerator<Bytes> {
  const { opened, respond, stream, body } = given
  const { behaviour } = runner
  const { hashes, bodies } = runner.provider
  const transcript = new Transcript(hashes, opened.commitmentKey)
  const sealer = bodies.sealer(respond.keys, transcript)
  if (stream) {
    for await (const event of behaviour.events ?? [chunk('Hello'), chunk(' there'), LAST]) {
      yield sealer.seal(padSse(utf8(event)))
    }
    yield sealer.seal(padSse(utf8('data: [DONE]\n\n')))
  } else {
    yield sealer.seal(jsonFrameBeforeReceipt(utf8(JSON.stringify(wholeAnswer(behaviour)))))
  }
  const request = requestDigests(hashes, {
    wire: body,
    plaintext: opened.plaintext,
    commitmentKey: opened.commitmentKey,
  })
  const unsigned = unsignedReceipt(runner, given, { request, response: transcript.digests() })
  const receipt = signReceipt((behaviour.receipt ?? ((same) => same))(unsigned), runner.signer)
  if (behaviour.withoutReceipt !== true) {
    yield sealer.seal(stream ? sseReceiptFrame(receipt) : jsonReceiptFrame(receipt))
  }
  yield sealer.end()
}

function unsignedReceipt(
  runner: TestRunner,
  given: { readonly path: string; readonly model: string; readonly now: number },
  digests: {
    readonly request: { body_hash: string; commitment: string }
    readonly response: { body_hash: string; commitment: string }
  },
): UnsignedReceipt {
  const request = `req_${hex(random(16))}`
  const counts = {
    ...{ prompt_tokens: 10, cached_tokens: 0, completion_tokens: 2, reasoning_tokens: 0 },
    ...runner.behaviour.usage,
  }
  const price = runner.behaviour.usage?.price ?? PRICE
  const stop_reason = runner.behaviour.error === undefined ? 'normal' : 'error'
  return {
    receipt_id: request,
    chat_id: 'chatcmpl-1',
    model: given.model,
    workload_keyset_digest: keysetDigest(runner.keyset),
    endpoint: given.path,
    served_at: given.now,
    event_log: [
      { type: 'request.received', body_hash: digests.request.body_hash },
      {
        ...{ type: 'usage.metered', request, attempt: 1, stop_reason, payee: runner.payee },
        ...counts,
        price,
        cost: costOf(counts, price),
      },
      {
        type: 'plaintext.committed',
        algo: 'hmac-sha256',
        request: digests.request.commitment,
        response: digests.response.commitment,
      },
      { type: 'response.returned', body_hash: digests.response.body_hash },
    ],
  }
}

export function chunk(content: string): string {
  const delta = { id: 'chatcmpl-1', object: 'chat.completion.chunk', model: MODEL }
  return `data: ${JSON.stringify({ ...delta, choices: [{ index: 0, delta: { content } }] })}\n\n`
}

const LAST = `data: ${JSON.stringify({ id: 'chatcmpl-1', object: 'chat.completion.chunk', model: MODEL, choices: [{ index: 0, delta: {}, finish_reason: 'stop' }] })}\n\n`

function wholeAnswer({ error }: Behaviour): Json {
  if (error !== undefined) return { error: { message: 'no', type: 'x', param: null, code: 'no' } }
  const message = { role: 'assistant', content: 'Hello there' }
  return {
    ...{ id: 'chatcmpl-1', object: 'chat.completion', model: MODEL },
    choices: [{ index: 0, message, finish_reason: 'stop' }],
  }
}

export async function collected<T>(items: AsyncIterable<T>): Promise<T[]> {
  const all: T[] = []
  for await (const item of items) all.push(item)
  return all
}

export async function* listed<T>(items: Iterable<T>): AsyncGenerator<T> {
  yield* items
}

/** The hashes under which the Registry must list this software and model. */
export async function registryHashes(measurement: Bytes = MEASUREMENT) {
  return {
    image: await imageHash({ technology: 'sev-snp', measurement }),
    model: await modelHash(MODEL, WEIGHTS),
  }
}
