import type { StopReason } from '#protocol'
import { sseReceiptFrame } from '#protocol'
import type { AnswerWriter } from '../engine/dialects/dialect.ts'
import type { EngineEvent } from '../engine/engine.ts'
import { EngineError } from '../engine/engine-error.ts'
import type { Exchange } from './exchange.ts'
import type { Meter } from './meter.ts'
import { billed } from './meter.ts'
import { createPacedStream } from './paced-stream.ts'
import { createSealedStream, type SealedStream } from './sealed-stream.ts'
import { errorAnswer } from './serve-error.ts'
import { billable, chatId } from './settle.ts'

export interface StreamRequest {
  readonly exchange: Exchange
  readonly meter: Meter
  /** Events after `accepted`. */
  readonly events: AsyncIterable<EngineEvent>
  /** Tells the answer in the caller's own API. */
  readonly writer: AnswerWriter
  /** Counts the prompt of an answer that ends before the engine told. */
  readonly countPrompt: () => Promise<void>
  /** Milliseconds between frames, for a caller who wants a fixed rate. */
  readonly paceMs: number | undefined
}

/**
 * Streams an answer: every chunk, the last events with the usage, the receipt, END. An engine that fails leaves an
 * error event instead, never a bare end.
 */
export async function answerStream(request: StreamRequest): Promise<StopReason> {
  const { exchange, meter, writer } = request
  const { response, sealer } = exchange
  response.writeHead(200, {
    ...exchange.headers,
    'content-type': 'text/event-stream; charset=utf-8',
    'cache-control': 'no-cache',
  })
  // In this turn's first write if the first token is there, else now: the client sees the acceptance.
  setImmediate(() => response.flushHeaders())
  const { paceMs } = request
  const stream =
    paceMs === undefined
      ? createSealedStream(response, sealer, { pad: exchange.opened.kind !== 'ehbp' })
      : createPacedStream(response, sealer, paceMs)
  const ending = await pump(request, stream)
  if (ending === 'aborted') stream.abandon()
  await request.countPrompt()
  const usage = billable(meter, ending)
  const outcome = { usage, ending, chatId: chatId(writer.id) }
  if (ending === 'aborted') {
    exchange.issueReceipt(outcome)
    return ending
  }
  if (ending !== 'error') {
    stream.push(writer.end(billed(usage, exchange.ticket)))
  }
  // The receipt is over the frames before it, so that they must have been sealed.
  await stream.flush()
  stream.end(sseReceiptFrame(exchange.issueReceipt(outcome)))
  return ending
}

async function pump(request: StreamRequest, stream: SealedStream): Promise<StopReason> {
  const { exchange, meter, events, writer } = request
  const most = exchange.ticket.allowance.max_completion_tokens
  try {
    for await (const step of events) {
      if (step.kind === 'chunk') {
        if (step.tokens > most) {
          // The engine ignores its limit: what the allowance does not cover is not delivered.
          exchange.run.stopEngine()
          stream.push(writer.cut())
          return 'length'
        }
        meter.see(step)
        stream.push(writer.chunk(step.data))
        await stream.drained()
      } else {
        meter.see(step)
        if (step.kind === 'done') return step.finish === 'length' ? 'length' : 'normal'
      }
    }
    if (exchange.run.isGone) return 'aborted'
    throw new EngineError('engine_failed', 'the engine ended its answer early')
  } catch (error) {
    if (exchange.run.isGone) return 'aborted'
    stream.push(writer.fail(errorAnswer(error).error))
    return 'error'
  }
}
