/**
 * The engine that every row relays: an OpenAI-shaped server whose model name is a script.
 * `c<N>g<ms>` streams N chunks, `ms` apart (0 = one write per turn); any other name answers about 1 KB of JSON.
 *
 * usage: node bench/upstream.ts <port>
 */
import http from 'node:http'

const SCRIPT = /^c(\d{1,5})g(\d{1,5})$/

const head = {
  id: 'chatcmpl-bench',
  created: 1_700_000_000,
  model: 'bench',
  system_fingerprint: 'scripted',
}
const CHUNK = `data: ${JSON.stringify({
  ...head,
  object: 'chat.completion.chunk',
  choices: [{ index: 0, delta: { content: ' token' }, logprobs: null, finish_reason: null }],
  usage: null,
})}\n\n`
const usage = { prompt_tokens: 20, completion_tokens: 100, total_tokens: 120 }
const TAIL = `data: ${JSON.stringify({ ...head, object: 'chat.completion.chunk', choices: [], usage })}\n\ndata: [DONE]\n\n`
const FULL = Buffer.from(
  JSON.stringify({
    ...head,
    object: 'chat.completion',
    choices: [
      {
        index: 0,
        message: {
          role: 'assistant',
          content: 'Hello! How can I help you today? '.repeat(20),
          refusal: null,
        },
        logprobs: null,
        finish_reason: 'stop',
      },
    ],
    usage,
  }),
)

function stream(response: http.ServerResponse, chunks: number, gapMs: number): void {
  let left = chunks
  let closed = false
  response.writeHead(200, { 'content-type': 'text/event-stream', 'cache-control': 'no-cache' })
  response.on('close', () => {
    closed = true
  })
  const step = (): void => {
    if (closed) return
    if (left-- <= 0) {
      response.end(TAIL)
      return
    }
    const flowing = response.write(CHUNK)
    if (gapMs > 0) setTimeout(step, gapMs)
    else if (flowing) setImmediate(step)
    else response.once('drain', step)
  }
  if (gapMs > 0) setTimeout(step, Math.random() * gapMs)
  else step()
}

const server = http.createServer({ keepAliveTimeout: 60_000 }, (request, response) => {
  const parts: Buffer[] = []
  request.on('data', (part: Buffer) => parts.push(part))
  request.on('end', () => {
    const match = /"model"\s*:\s*"([^"]+)"/.exec(Buffer.concat(parts).toString('latin1'))
    const script = SCRIPT.exec(match?.[1] ?? '')
    if (script !== null) stream(response, Number(script[1]), Number(script[2]))
    else {
      response.writeHead(200, { 'content-type': 'application/json', 'content-length': FULL.length })
      response.end(FULL)
    }
  })
})
server.listen(Number(process.argv[2]), '127.0.0.1', 4096, () => process.stdout.write('ready\n'))
