import { setImmediate as nextTurn } from 'node:timers/promises'
import type { Endpoint, Engine, EngineEvent, EngineRequest, JsonObject } from './engine.ts'
import { NO_USAGE } from './engine.ts'
import { EngineError } from './engine-error.ts'
import { isList, isObject } from './fields.ts'
import { createSharedWaits } from './shared-waits.ts'

/** `c<N>g<ms>`: N chunks, a gap of ms between them; `g0` one an event-loop turn, `g-1` all at once. */
export interface Script {
  readonly chunks: number
  readonly gapMs: number
  /** How the engine fails, if it does, and after how many chunks. */
  readonly fault?: { readonly kind: 'die' | 'hang' | 'overrun'; readonly after: number }
}

export interface ScriptedEngineOptions {
  readonly script: Script
  readonly contextLength: number
}

const SCRIPT = /^c([0-9]{1,6})g(-1|[0-9]{1,5})(?:(die|hang|overrun)([0-9]{1,6}))?$/
const FINGERPRINT = 'cocoon-scripted-not-a-model'
const CHARACTERS_PER_TOKEN = 4

/** Reads `c100g10`, `c5g0die3`; undefined when the text is no script. */
export function parseScript(text: string): Script | undefined {
  const [, chunks, gapMs, kind, after] = SCRIPT.exec(text) ?? []
  if (chunks === undefined || gapMs === undefined) return undefined
  const script = { chunks: Number(chunks), gapMs: Number(gapMs) }
  if (kind !== 'die' && kind !== 'hang' && kind !== 'overrun') return script
  return { ...script, fault: { kind, after: Number(after) } }
}

/**
 * An engine that plays a script, for tests and load only. A request whose last message is itself a
 * script plays that one instead, so that one runner serves every row of a load test.
 */
export function createScriptedEngine(options: ScriptedEngineOptions): Engine {
  return {
    fingerprint: FINGERPRINT,
    endpoints: new Set<Endpoint>(['/v1/chat/completions']),
    features: {
      supported_parameters: ['max_tokens', 'max_completion_tokens'],
      input_modalities: ['text'],
    },
    contextLength: options.contextLength,
    countPrompt: async (_endpoint, body) => ({ tokens: promptTokens(body), exact: true }),
    run: (request) => play(requestedScript(request.body) ?? options.script, request),
    healthy: async () => true,
    close: async () => {},
  }
}

async function* play(
  script: Script,
  request: EngineRequest,
): AsyncGenerator<EngineEvent, void, void> {
  const promptCount = promptTokens(request.body)
  yield { kind: 'accepted', promptTokens: promptCount }
  const limit = script.fault?.kind === 'overrun' ? Infinity : maxTokens(request.body)
  const total = Math.min(script.chunks, limit)
  const data = request.stream ? JSON.stringify(chunk({ content: ' token' }, null)) : undefined
  const wait = abortableWaits(request.signal)
  for (let tokens = 1; tokens <= total; tokens++) {
    await pause(script, wait)
    if (request.signal.aborted) return
    if (script.fault !== undefined && script.fault.after === tokens - 1) {
      await fail(script.fault.kind, request.signal)
      if (request.signal.aborted) return
    }
    if (data !== undefined) yield { kind: 'chunk', data, tokens }
  }
  const finish = total < script.chunks ? 'length' : 'stop'
  if (request.stream) {
    yield { kind: 'chunk', data: JSON.stringify(chunk({}, finish)), tokens: total }
  } else {
    yield { kind: 'json', body: whole(' token'.repeat(total), finish) }
  }
  const usage = { ...NO_USAGE, promptTokens: promptCount, completionTokens: total }
  yield { kind: 'done', usage, finish }
}

async function pause({ gapMs }: Script, wait: (ms: number) => Promise<void>): Promise<void> {
  if (gapMs < 0) return
  if (gapMs === 0) await nextTurn()
  else await wait(gapMs)
}

/** Waits, one at a time, that an abort ends: with one listener for all of a request's. */
function abortableWaits(signal: AbortSignal): (ms: number) => Promise<void> {
  let takeBack = (): void => {}
  let end = (): void => {}
  const stop = (): void => {
    takeBack()
    end()
  }
  signal.addEventListener('abort', stop, { once: true })
  return (ms) =>
    new Promise((resolve) => {
      end = resolve
      if (signal.aborted) resolve()
      else takeBack = startWait(ms, resolve)
    })
}

const startWait = createSharedWaits(() => performance.now())

async function fail(kind: 'die' | 'hang' | 'overrun', signal: AbortSignal): Promise<void> {
  if (kind === 'die') throw new EngineError('engine_failed', 'the engine died')
  if (kind === 'hang')
    await new Promise<void>((end) => signal.addEventListener('abort', () => end()))
}

function requestedScript(body: JsonObject): Script | undefined {
  const messages = body['messages']
  const last = isList(messages) ? messages.at(-1) : undefined
  const content = isObject(last) ? last['content'] : undefined
  return typeof content === 'string' ? parseScript(content) : undefined
}

function promptTokens(body: JsonObject): number {
  return Math.ceil(JSON.stringify(body['messages'] ?? '').length / CHARACTERS_PER_TOKEN)
}

function maxTokens(body: JsonObject): number {
  const limit = body['max_completion_tokens'] ?? body['max_tokens']
  return typeof limit === 'number' ? limit : Infinity
}

const HEAD = {
  id: 'chatcmpl-scripted',
  created: 0,
  model: 'scripted',
  system_fingerprint: FINGERPRINT,
}

function chunk(delta: JsonObject, finish: string | null): JsonObject {
  const choices = [{ index: 0, delta, logprobs: null, finish_reason: finish }]
  return { ...HEAD, object: 'chat.completion.chunk', choices }
}

function whole(content: string, finish: string): JsonObject {
  const message = { role: 'assistant', content, refusal: null }
  const choices = [{ index: 0, message, logprobs: null, finish_reason: finish }]
  return { ...HEAD, object: 'chat.completion', choices }
}
