import { base64url, hex, utf8 } from '#base/bytes.ts'
import { nano, nanoPerMillion } from '#base/nano.ts'
import type { Allowance, SuiteName } from '#protocol'
import {
  checkReceiptBodies,
  openSession,
  type Receipt,
  receiptOfFrame,
  requestDigests,
  sealAllowance,
  sealingKeyOf,
  sealRequest,
  Transcript,
  verifyReceipt,
} from '#protocol'
import { nodeProvider as provider } from '#protocol/node'
import type { Registered } from './test-gateway.ts'

const PRICE = {
  input: nanoPerMillion(1_000_000n),
  cached: nanoPerMillion(500_000n),
  output: nanoPerMillion(3_000_000n),
}

export type Leg = 'session' | 'cocoon' | 'ehbp'

export interface AskOptions {
  readonly leg?: Leg
  readonly suite?: SuiteName
  readonly path?: string
  /** Changes the allowance before it is sealed. */
  readonly allowance?: Partial<Allowance>
  /** Changes headers and body after sealing. */
  readonly tamper?: (sent: Sent) => Sent
  readonly signal?: AbortSignal
  readonly maxCost?: bigint
  readonly headPath?: string
}

export interface Sent {
  readonly headers: Readonly<Record<string, string>>
  readonly body: Uint8Array
}

export interface Answer {
  readonly status: number
  readonly headers: Headers
  /** What the client reads, without the receipt's frame; undefined when the answer is not sealed. */
  readonly text: string | undefined
  readonly plain: string | undefined
  readonly receipt: Receipt | undefined
  /** Plaintext bytes of each frame before the receipt's. */
  readonly frames: readonly number[]
  readonly sent: Sent
  readonly request: string
}

let counter = 0

/** Seals a body, sends it with an allowance, opens the answer and checks its receipt against both bodies. */
export async function ask(at: Registered, body: object | string, options: AskOptions = {}) {
  const exchange = await prepare(at, body, options)
  const response = await fetch(`${at.url}${options.path ?? '/v1/chat/completions'}`, {
    method: 'POST',
    headers: exchange.sent.headers,
    body: exchange.sent.body as Uint8Array<ArrayBuffer>,
    signal: options.signal ?? null,
  })
  return await exchange.read(response)
}

/** Everything about one request before it is sent. */
export async function prepare(at: Registered, body: object | string, options: AskOptions = {}) {
  const path = options.path ?? '/v1/chat/completions'
  const plaintext = utf8(typeof body === 'string' ? body : JSON.stringify(body))
  const now = at.now()
  const head = {
    path: options.headPath ?? path,
    model: at.request.registration.model.id,
    session: at.sessionId,
    maxCost: nano(options.maxCost ?? 10n ** 12n),
    notAfter: now + 60,
  }
  const sealed = await seal(at, plaintext, head, options)
  const request = `req_${(++counter).toString(16).padStart(32, '0')}`
  const allowance: Allowance = {
    request,
    attempt: 1,
    session: at.sessionId,
    enc: sealed.binding,
    max_prompt_tokens: 100_000,
    max_completion_tokens: 1000,
    price: PRICE,
    max_cost: nano(10n ** 9n),
    expires: now + 60,
    ref: base64url(utf8('account')),
    ...options.allowance,
  }
  const headers = {
    ...sealed.headers,
    'x-cocoon-allowance': sealAllowance(provider, allowance, at.allowances),
  }
  const sent = (options.tamper ?? ((same) => same))({ headers, body: sealed.body })
  const read = async (response: Response): Promise<Answer> => {
    const wire = new Uint8Array(await response.arrayBuffer())
    const nonce = response.headers.get('ehbp-response-nonce')
    const base = { status: response.status, headers: response.headers, sent, request }
    if (nonce === null) {
      const plain = new TextDecoder().decode(wire)
      return { ...base, text: undefined, receipt: undefined, frames: [], plain }
    }
    const transcript = new Transcript(provider.hashes, sealed.commitmentKey)
    const opener = sealed.opener(nonce, transcript)
    const frames = opener.push(wire)
    opener.end()
    const last = transcript.receiptFrame
    const receipt = last === undefined ? undefined : receiptOfFrame(last)
    if (receipt !== undefined) {
      await verifyReceipt(receipt, at.keyset, provider)
      const { commitmentKey } = sealed
      const digests = requestDigests(provider.hashes, {
        wire: sealed.body,
        plaintext,
        commitmentKey,
      })
      checkReceiptBodies(receipt, { request: digests, response: transcript.digests() })
    }
    const text = new TextDecoder().decode(Buffer.concat(frames))
    const content = last === undefined ? frames : frames.slice(0, -1)
    return {
      ...base,
      text,
      receipt,
      frames: content.map((frame) => frame.length),
      plain: undefined,
    }
  }
  return { sent, read, request, path }
}

type Head = Parameters<typeof sealRequest>[1]['head'] & {}

async function seal(at: Registered, plaintext: Uint8Array, head: Head, options: AskOptions) {
  const suite = options.suite ?? 'ehbp-x25519'
  const publicKey = sealingKeyOf(at.keyset, suite)
  if (publicKey === undefined) throw new Error('no such suite')
  if ((options.leg ?? 'session') === 'session') {
    const now = at.now()
    const session = await openSession(provider, { suite, publicKey, now })
    const attempt = options.allowance?.attempt ?? 1
    const request = session.next({ head, attempt, now })
    return { ...request, body: request.sealBody(plaintext), opener: request.opener }
  }
  const sealed = await sealRequest(provider, {
    suite,
    publicKey,
    body: plaintext,
    ...(options.leg === 'cocoon' ? { head } : {}),
  })
  const enc = provider.texts.fromHex(sealed.headers['ehbp-encapsulated-key'] ?? '')
  return { ...sealed, binding: hex(provider.hashes.sha256(enc)) }
}

/** The `data:` payloads of a streamed answer. */
export function payloads(text: string | undefined): string[] {
  return (text ?? '')
    .split('\n\n')
    .filter((event) => event.startsWith('data: '))
    .map((event) => event.slice(6))
}
