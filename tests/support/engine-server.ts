import { once } from 'node:events'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { setTimeout as wait } from 'node:timers/promises'

/** An OpenAI-compatible inference server as a runner meets one: its answers follow from the request alone. */
export interface EngineServer {
  readonly url: string
  /** Bodies as they came, newest last. */
  readonly bodies: readonly Json[]
  /** Requests whose connection was closed before their answer ended. */
  readonly aborted: number
  /** Lets every answer go on that was told to `pause`. */
  resume(): void
  close(): Promise<void>
}

// biome-ignore lint/suspicious/noExplicitAny: a server of tests reads arbitrary members
export type Json = any

export const ENGINE_MODEL = 'inner-model'
const CONTEXT = 65_536
const DIMENSIONS = 8
const GAP_MS = 2
const FOREVER = 100_000

interface State {
  readonly bodies: Json[]
  aborted: number
  /** Answers that wait. */
  readonly paused: Set<() => void>
  /** How often a text that fails a few times has failed. */
  readonly failures: Map<string, number>
}

/**
 * What the last message's text makes the model do:
 * `fail N <status>`: refuses that often, then answers. `forever`: a stream that does not end. `die`: breaks off.
 * `pause`: a stream falls silent after its first words until `resume`. `think`: reasons first. Tools in the request: the first is called once. A schema: it is filled in.
 */
export async function startEngineServer(): Promise<EngineServer> {
  const state: State = { bodies: [], aborted: 0, paused: new Set(), failures: new Map() }
  const server = createServer((request, response) => {
    handle(state, request, response).catch(() => response.destroy())
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  // Sound: a TCP server that listens has an address object.
  const { port } = server.address() as AddressInfo
  return {
    url: `http://127.0.0.1:${port}/v1`,
    bodies: state.bodies,
    get aborted() {
      return state.aborted
    },
    resume: () => {
      for (const goOn of state.paused) goOn()
      state.paused.clear()
    },
    close: async () => {
      server.closeAllConnections()
      await new Promise((done) => server.close(done))
    },
  }
}

type Handler = (state: State, body: Json, response: ServerResponse) => Promise<void> | void

const POSTS: Readonly<Record<string, Handler>> = {
  '/v1/chat/completions': chat,
  '/v1/completions': complete,
  '/v1/embeddings': embed,
}

async function handle(state: State, request: IncomingMessage, response: ServerResponse) {
  if (request.method === 'GET' && request.url === '/v1/models') {
    const model = { id: ENGINE_MODEL, object: 'model', owned_by: 'tests', max_model_len: CONTEXT }
    sendJson(response, 200, { object: 'list', data: [model] })
    return
  }
  const parts: Buffer[] = []
  for await (const part of request) parts.push(part)
  if (request.url === '/v1/audio/transcriptions') {
    await transcribe(state, request, Buffer.concat(parts), response)
    return
  }
  if (request.url === '/tokenize') {
    sendJson(response, 200, { count: countOf(JSON.parse(Buffer.concat(parts).toString())) })
    return
  }
  const post = POSTS[request.url ?? '']
  if (post === undefined || request.method !== 'POST') {
    sendJson(response, 404, { error: { message: 'no such path' } })
    return
  }
  const body = JSON.parse(Buffer.concat(parts).toString())
  state.bodies.push(body)
  response.on('close', () => {
    if (!response.writableFinished) state.aborted++
  })
  await post(state, body, response)
}

/** As vLLM's `/tokenize`: here a word is a token, and a message begins with one. */
function countOf({ messages, tools }: Json): number {
  const words = messages.map(({ content }: Json) => 1 + textOf(content).split(/\s+/).length)
  return words.reduce((sum: number, each: number) => sum + each, (tools ?? []).length * 10)
}

/** As vLLM does it: seconds in a whole answer, chunks like chat's with tokens in a stream. The recording says how long it is. */
async function transcribe(
  state: State,
  request: IncomingMessage,
  body: Buffer,
  response: ServerResponse,
): Promise<void> {
  const type = request.headers['content-type'] ?? ''
  if (!type.startsWith('multipart/form-data')) {
    sendJson(response, 400, { error: { message: 'no form', type: 'BadRequestError' } })
    return
  }
  const form = await new Response(new Uint8Array(body), {
    headers: { 'content-type': type },
  }).formData()
  const file = form.get('file')
  if (!(file instanceof File)) throw new TypeError('no file')
  const sound = Buffer.from(await file.arrayBuffer()).toString('latin1')
  const fields = [...new Set(form.keys())].map((name) => [name, form.getAll(name)])
  state.bodies.push({ ...Object.fromEntries(fields), file: [file.name, file.type, sound] })
  const seconds = Number(/seconds=(\d+)/.exec(sound)?.[1] ?? 1)
  if (sound.includes('no usage')) return sendJson(response, 200, { text: SPOKEN })
  if (form.get('stream') !== 'true') {
    const more =
      form.get('response_format') === 'verbose_json'
        ? { task: 'transcribe', language: 'en', duration: seconds, segments: [] }
        : {}
    sendJson(response, 200, { text: SPOKEN, ...more, usage: { type: 'duration', seconds } })
    return
  }
  response.writeHead(200, { 'content-type': 'text/event-stream' })
  const words = SPOKEN.match(/\S+\s*/g) ?? []
  for (const [at, content] of words.entries()) {
    const last = at === words.length - 1
    const choice = { delta: { content }, finish_reason: last ? 'stop' : null }
    const head = { id: 'trsc-1', object: 'transcription.chunk', model: ENGINE_MODEL }
    response.write(`data: ${JSON.stringify({ ...head, choices: [choice] })}\n\n`)
    if (sound.includes('die')) return void response.destroy()
  }
  if (form.get('stream_include_usage') === 'true') {
    const usage = { prompt_tokens: seconds * 100, completion_tokens: words.length }
    response.write(`data: ${JSON.stringify({ choices: [], usage })}\n\n`)
  }
  response.end('data: [DONE]\n\n')
}

/** What every recording says. */
export const SPOKEN = 'Hello from the recording.'

function sendJson(response: ServerResponse, status: number, body: Json): void {
  response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body))
}

const FAIL = /fail (\d+) (\d+)/

/** Refuses as often as the text says; then the same text is answered. */
function fails(state: State, text: string, response: ServerResponse): boolean {
  const [, times, status] = FAIL.exec(text) ?? []
  if (times === undefined) return false
  const so = state.failures.get(text) ?? 0
  if (so >= Number(times)) return false
  state.failures.set(text, so + 1)
  sendJson(response, Number(status), { error: { message: 'busy', type: 'server_error' } })
  return true
}

function textOf(content: Json): string {
  if (typeof content === 'string') return content
  if (!Array.isArray(content)) return ''
  return content.map((part) => part.text ?? '').join('')
}

/** The message that answers a request. */
function replyTo(body: Json): { message: Json; finish: string } {
  const last = body.messages.at(-1)
  const text = textOf(last.content)
  const tool = body.tools?.[0]
  if (last.role === 'tool') return said(`The tool says ${text}.`)
  if (tool !== undefined && body.tool_choice !== 'none') {
    const { name } = tool.function ?? tool.custom
    const call = { id: 'call_1', type: 'function', function: { name, arguments: '{"a":2,"b":3}' } }
    return {
      message: { role: 'assistant', content: null, tool_calls: [call] },
      finish: 'tool_calls',
    }
  }
  if (body.response_format?.type === 'json_schema') return said('{"name":"Ada","age":36}')
  if (body.response_format?.type === 'json_object') return said('{"ok":true}')
  if (text.includes('think')) {
    const { message, finish } = said('So it is.')
    return {
      // As newer engines call it; older ones say `reasoning_content`.
      message: { ...message, reasoning: 'Let me see.' },
      finish,
    }
  }
  const limit = body.max_completion_tokens ?? body.max_tokens ?? 100
  const words = `Hello, this is a longer answer with ten words.`.split(' ')
  const cut = words.length > limit
  return said(words.slice(0, limit).join(' '), cut ? 'length' : 'stop')
}

function said(content: string, finish = 'stop') {
  return { message: { role: 'assistant', content, refusal: null } as Json, finish }
}

/** Pieces of a message as a stream's deltas. */
function deltasOf({ content, tool_calls, reasoning }: Json): Json[] {
  const deltas: Json[] = [{ role: 'assistant', content: '' }]
  if (reasoning) deltas.push({ reasoning })
  for (const piece of (content ?? '').match(/\S+\s*/g) ?? []) deltas.push({ content: piece })
  for (const [index, call] of (tool_calls ?? []).entries()) {
    const { name, arguments: text } = call.function
    deltas.push({ tool_calls: [{ ...call, index, function: { name, arguments: '' } }] })
    for (const piece of [text.slice(0, 4), text.slice(4)]) {
      deltas.push({ tool_calls: [{ index, function: { arguments: piece } }] })
    }
  }
  return deltas
}

function usageOf(body: Json, message: Json): Json {
  const completion_tokens = Math.max(1, deltasOf(message).length - 1)
  const prompt_tokens = Math.ceil(JSON.stringify(body.messages ?? body.prompt ?? '').length / 4)
  return { prompt_tokens, completion_tokens, total_tokens: prompt_tokens + completion_tokens }
}

const LOGPROBS = {
  content: [{ token: 'Hello', logprob: -0.5, bytes: null, top_logprobs: [] }],
  refusal: null,
}

async function chat(state: State, body: Json, response: ServerResponse): Promise<void> {
  const text = textOf(body.messages.at(-1).content)
  if (fails(state, text, response)) return
  const { message, finish } = replyTo(body)
  const logprobs = body.logprobs === true ? LOGPROBS : null
  const head = {
    id: 'chatcmpl-t1',
    created: 1_700_000_000,
    model: ENGINE_MODEL,
    system_fingerprint: 'fp_t',
  }
  if (body.stream !== true) {
    const choices = Array.from({ length: body.n ?? 1 }, (_, index) => ({
      index,
      message,
      logprobs,
      finish_reason: finish,
    }))
    const one = usageOf(body, message)
    const completion_tokens = one.completion_tokens * choices.length
    const usage = { ...one, completion_tokens, total_tokens: one.prompt_tokens + completion_tokens }
    sendJson(response, 200, { ...head, object: 'chat.completion', choices, usage })
    return
  }
  response.writeHead(200, { 'content-type': 'text/event-stream' })
  const send = (choices: Json[], more: Json = {}) =>
    response.write(
      `data: ${JSON.stringify({ ...head, object: 'chat.completion.chunk', choices, ...more })}\n\n`,
    )
  const deltas = text.includes('forever')
    ? Array(FOREVER).fill({ content: 'on ' })
    : deltasOf(message)
  for (const [at, delta] of deltas.entries()) {
    send([{ index: 0, delta, logprobs, finish_reason: null }], { usage: null })
    if (text.includes('die') && at > 1) return void response.destroy()
    if (text.includes('pause') && at === 1) {
      await new Promise<void>((goOn) => state.paused.add(goOn))
    }
    await wait(GAP_MS)
    if (response.destroyed) return
  }
  send([{ index: 0, delta: {}, logprobs: null, finish_reason: finish }], { usage: null })
  if (body.stream_options?.include_usage === true) send([], { usage: usageOf(body, message) })
  response.end('data: [DONE]\n\n')
}

function complete(_state: State, body: Json, response: ServerResponse): void {
  const logprobs =
    typeof body.logprobs === 'number'
      ? { tokens: ['Hi'], token_logprobs: [-0.5], top_logprobs: [{ Hi: -0.5 }], text_offset: [0] }
      : null
  const choice = { index: 0, text: 'Hi', logprobs, finish_reason: 'stop' }
  const head = {
    id: 'cmpl-t1',
    object: 'text_completion',
    created: 1_700_000_000,
    model: ENGINE_MODEL,
  }
  const usage = { prompt_tokens: 2, completion_tokens: 1, total_tokens: 3 }
  if (body.stream !== true) {
    sendJson(response, 200, { ...head, choices: [choice], usage })
    return
  }
  response.writeHead(200, { 'content-type': 'text/event-stream' })
  response.write(`data: ${JSON.stringify({ ...head, choices: [choice] })}\n\n`)
  response.write(`data: ${JSON.stringify({ ...head, choices: [], usage })}\n\n`)
  response.end('data: [DONE]\n\n')
}

/** The vector of an input: different for each place, the same in both encodings. */
export function vectorOf(index: number, dimensions = DIMENSIONS): Float32Array {
  return Float32Array.from({ length: dimensions }, (_, at) => (index + 1) / (at + 2))
}

function embed(_state: State, body: Json, response: ServerResponse): void {
  const isOne = typeof body.input === 'string' || typeof body.input[0] === 'number'
  const count = isOne ? 1 : body.input.length
  const data = Array.from({ length: count }, (_, index) => {
    const vector = vectorOf(index, body.dimensions)
    const embedding =
      body.encoding_format === 'base64'
        ? Buffer.from(vector.buffer).toString('base64')
        : Array.from(vector)
    return { object: 'embedding', index, embedding }
  })
  const usage = { prompt_tokens: count * 3, total_tokens: count * 3 }
  sendJson(response, 200, { object: 'list', data, model: ENGINE_MODEL, usage })
}
