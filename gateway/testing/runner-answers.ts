import type { IncomingMessage, ServerResponse } from 'node:http'
import { utf8 } from '#base/bytes.ts'
import type { Nano } from '#base/nano.ts'
import {
  type Allowance,
  type BodySealer,
  jsonFrameBeforeReceipt,
  jsonReceiptFrame,
  type OpenedRequest,
  type Receipt,
  type Signer,
  sseReceiptFrame,
} from '#protocol'
import { MODEL } from './world.ts'

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
  receipt(changes?: Partial<ReceiptChanges>): Receipt
}

/** What a receipt says otherwise than the exchange would have it. */
export interface ReceiptChanges {
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
