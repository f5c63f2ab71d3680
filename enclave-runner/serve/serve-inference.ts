import type { StopReason } from '#protocol'
import type { AnswerWriter } from '../engine/dialects/dialect.ts'
import { errorBody } from '../engine/dialects/open-dialect.ts'
import type { Engine, EngineEvent, JsonObject, Usage } from '../engine/engine.ts'
import { NO_USAGE } from '../engine/engine.ts'
import { EngineError } from '../engine/engine-error.ts'
import type { AcceptedRequest, ReadRequestInput } from './accepted-request.ts'
import type { AdmitDeps } from './admit.ts'
import { checkHeaders, openBody } from './admit.ts'
import { answerJson } from './answer-json.ts'
import { answerStream } from './answer-stream.ts'
import { countTokens } from './count-tokens.ts'
import type { Exchange, ExchangeDeps, Run } from './exchange.ts'
import { createExchange } from './exchange.ts'
import type { HttpRequest, HttpResponse } from './http.ts'
import type { Meter } from './meter.ts'
import { billed, createMeter } from './meter.ts'
import { readBody } from './read-body.ts'
import { readRequest } from './read-request.ts'
import { errorAnswer } from './serve-error.ts'
import { billable, chatId, countDuePrompt } from './settle.ts'

export interface InferenceDeps extends AdmitDeps, ExchangeDeps {
  readonly engine: Engine
}

/**
 * Serves one inference request.
 * 1. judge the headers  2. read the body  3. open it  4. judge what it asks  5. run the engine and answer
 * Anything thrown before step 4 is refused in plain; from then on every answer is sealed and receipted.
 * @throws ProtocolError, Refusal before step 4 only
 */
export async function serveInference(
  deps: InferenceDeps,
  request: HttpRequest,
  response: HttpResponse,
  run: Run,
): Promise<void> {
  const path = request.url ?? ''
  const ticket = checkHeaders(deps, path, (name) => request.headers[name])
  const wire = await readBody(request)
  const opened = await openBody(deps, ticket, wire)
  const exchange = createExchange(deps, { ticket, opened, wire, response, run })
  const ending = await answer(deps, exchange)
  const { request: id, attempt } = ticket.allowance
  deps.log('info', 'served', { request: id, attempt, ending, kind: opened.kind })
}

async function answer(deps: InferenceDeps, exchange: Exchange): Promise<StopReason> {
  const { ticket, opened } = exchange
  const input: ReadRequestInput = {
    path: ticket.path,
    plaintext: opened.plaintext,
    model: deps.model,
    mustNameModel: opened.kind === 'ehbp',
    allowance: ticket.allowance,
    engine: deps.engine,
  }
  let accepted: AcceptedRequest
  try {
    if (ticket.path === COUNT) return answerCount(exchange, await countTokens(input))
    accepted = await readRequest(input)
  } catch (error) {
    return fail(exchange, error, NO_USAGE)
  }
  const meter = createMeter(ticket.allowance, accepted.promptTokens)
  try {
    return await runEngine(deps.engine, exchange, accepted, meter)
  } catch (error) {
    const ending = exchange.run.isGone ? 'aborted' : 'error'
    if (ending === 'aborted') await countDuePrompt(deps.engine, accepted, meter)
    exchange.run.stopEngine()
    return fail(exchange, error, billable(meter, ending))
  }
}

const COUNT = '/v1/messages/count_tokens'

function answerCount(exchange: Exchange, count: JsonObject): StopReason {
  answerJson(exchange, 200, count, { usage: NO_USAGE, ending: 'normal', chatId: undefined })
  return 'normal'
}

/** The first event tells whether the engine took the request: until then a failure has its own status. */
async function runEngine(
  engine: Engine,
  exchange: Exchange,
  accepted: AcceptedRequest,
  meter: Meter,
): Promise<StopReason> {
  const { endpoint, body, file, stream, writer, paceMs } = accepted
  const { signal } = exchange.run
  const iterator = engine.run({ endpoint, body, file, stream, signal })[Symbol.asyncIterator]()
  const first = await iterator.next()
  if (first.done === true) throw new EngineError('engine_failed', 'the engine gave no answer')
  meter.see(first.value)
  const events = { [Symbol.asyncIterator]: () => iterator }
  if (!stream) return await answerWhole(exchange, meter, events, writer)
  const countPrompt = (): Promise<void> => countDuePrompt(engine, accepted, meter)
  return await answerStream({ exchange, meter, events, writer, countPrompt, paceMs })
}

async function answerWhole(
  exchange: Exchange,
  meter: Meter,
  events: AsyncIterable<EngineEvent>,
  writer: AnswerWriter,
): Promise<StopReason> {
  let body: JsonObject | undefined
  for await (const event of events) {
    meter.see(event)
    if (event.kind === 'json') body = event.body
    if (event.kind !== 'done' || body === undefined) continue
    const ending = event.finish === 'length' ? 'length' : 'normal'
    const usage = billable(meter, ending)
    const told = writer.whole(body, billed(usage, exchange.ticket))
    answerJson(exchange, 200, told, { usage, ending, chatId: chatId(writer.id) })
    return ending
  }
  throw new EngineError('engine_failed', 'the engine gave no answer')
}

/** Seals an error answer. A client that left gets none, but what it caused is receipted. */
function fail(exchange: Exchange, error: unknown, usage: Usage): StopReason {
  if (exchange.run.isGone) {
    exchange.issueReceipt({ usage, ending: 'aborted', chatId: undefined })
    return 'aborted'
  }
  const { status, error: told } = errorAnswer(error)
  const outcome = { usage, ending: 'error', chatId: undefined } as const
  answerJson(exchange, status, errorBody(exchange.ticket.path, told), outcome)
  return 'error'
}
