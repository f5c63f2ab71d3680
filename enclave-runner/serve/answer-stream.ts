import type { StopReason } from '#protocol'
import { sseReceiptFrame } from '#protocol'
import type { EngineEvent, JsonObject } from '../engine/engine.ts'
import { EngineError } from '../engine/engine-error.ts'
import type { Exchange } from './exchange.ts'
import type { Meter } from './meter.ts'
import { usageObject } from './meter.ts'
import { createSealedStream, type SealedStream } from './sealed-stream.ts'
import { errorAnswer } from './serve-error.ts'
import { billable, chatIdOf } from './settle.ts'

export interface StreamRequest {
  readonly exchange: Exchange
  readonly meter: Meter
  /** Events after `accepted`. */
  readonly events: AsyncIterable<EngineEvent>
  readonly includeUsage: boolean
  /** Counts the prompt of an answer that ends before the engine told. */
  readonly countPrompt: () => Promise<void>
}

const DONE = 'data: [DONE]\n\n'

/**
 * Streams an answer: every chunk, then the usage chunk for those who asked, `[DONE]`, the receipt, END. An
 * engine that fails leaves an error event instead of `[DONE]`, never a bare end.
 */
export async function answerStream(request: StreamRequest): Promise<StopReason> {
  const { exchange, meter } = request
  const { response, sealer } = exchange
  response.writeHead(200, {
    ...exchange.headers,
    'content-type': 'text/event-stream; charset=utf-8',
    'cache-control': 'no-cache',
  })
  // In this turn's first write if the first token is there, else now: the client sees the acceptance.
  setImmediate(() => response.flushHeaders())
  const stream = createSealedStream(response, sealer, { pad: exchange.opened.kind !== 'ehbp' })
  const { ending, firstChunk } = await pump(request, stream)
  if (ending === 'aborted') stream.abandon()
  await request.countPrompt()
  const outcome = { usage: billable(meter, ending), ending, chatId: chatIdOf(firstChunk) }
  if (ending === 'aborted') {
    exchange.issueReceipt(outcome)
    return ending
  }
  if (ending !== 'error') {
    if (request.includeUsage && firstChunk !== undefined) {
      const usage = usageObject(outcome.usage, exchange.ticket.allowance.price)
      stream.push(event({ ...head(firstChunk), choices: [], usage }))
    }
    stream.push(DONE)
  }
  // The receipt is over the frames before it, so that they must have been sealed.
  stream.flush()
  stream.end(sseReceiptFrame(exchange.issueReceipt(outcome)))
  return ending
}

interface Pumped {
  readonly ending: StopReason
  readonly firstChunk: JsonObject | undefined
}

async function pump(request: StreamRequest, stream: SealedStream): Promise<Pumped> {
  const { exchange, meter, events } = request
  const most = exchange.ticket.allowance.max_completion_tokens
  let first: string | undefined
  const ended = (ending: StopReason): Pumped => ({ ending, firstChunk: parsed(first) })
  try {
    for await (const step of events) {
      if (step.kind === 'chunk') {
        first ??= step.data
        if (step.tokens > most) {
          // The engine ignores its limit: what the allowance does not cover is not delivered.
          exchange.run.stopEngine()
          stream.push(event({ ...head(parsed(first)), choices: [LENGTH_CHOICE] }))
          return ended('length')
        }
        meter.see(step)
        stream.push(`data: ${step.data}\n\n`)
        await stream.drained()
      } else {
        meter.see(step)
        if (step.kind === 'done') return ended(step.finish === 'length' ? 'length' : 'normal')
      }
    }
    if (exchange.run.isGone) return ended('aborted')
    throw new EngineError('engine_failed', 'the engine ended its answer early')
  } catch (error) {
    if (exchange.run.isGone) return ended('aborted')
    stream.push(event(errorAnswer(error).body))
    return ended('error')
  }
}

const LENGTH_CHOICE = { index: 0, delta: {}, logprobs: null, finish_reason: 'length' }

function event(payload: object): string {
  return `data: ${JSON.stringify(payload)}\n\n`
}

/** What every chunk of one answer repeats. */
function head(chunk: JsonObject | undefined): JsonObject {
  const { choices: _, usage: __, ...rest } = chunk ?? {}
  return rest
}

function parsed(data: string | undefined): JsonObject | undefined {
  // Sound: engines yield JSON objects as chunk data; `JSON.parse` makes nothing but Json.
  return data === undefined ? undefined : (JSON.parse(data) as JsonObject)
}
