import { connect } from 'node:net'

export interface StreamPlan {
  readonly port: number
  readonly apiKey: string
  readonly model: string
  /** Chunks of the answer. */
  readonly chunks: number
  /** Between two of them. */
  readonly gapMs: number
}

export interface StreamEvents {
  /** The first chunk is here. */
  opened(): void
  /** Milliseconds since the chunk before it, but for the first. */
  chunk(gapMs: number): void
  /** @param failure undefined when the answer ended as OpenAI's do */
  ended(failure: string | undefined): void
}

const CHUNK = '"content":" token"'
const DONE = 'data: [DONE]'
/** What is kept of one packet for the next: longer than what is looked for. */
const TAIL = 32
/** Read into by all streams, one after the other: what a read brought is looked at before the next one. */
const ARRIVED = Buffer.alloc(64 * 1024)

/** One streamed chat over a bare socket, so that nine thousand of them cost their holder little. */
export function openStream(plan: StreamPlan, events: StreamEvents): void {
  let tail = ''
  let chunks = 0
  let lastMs = 0
  let failure: string | undefined = 'closed before its end'
  const read = (part: string): void => {
    const text = tail + part
    if (chunks === 0 && !text.startsWith('HTTP/1.1 200') && tail === '') {
      failure = text.split('\r\n', 1)[0] ?? ''
      socket.destroy()
      return
    }
    let from = 0
    for (let at = text.indexOf(CHUNK); at >= 0; at = text.indexOf(CHUNK, from)) {
      from = at + CHUNK.length
      const now = performance.now()
      if (chunks++ === 0) events.opened()
      else events.chunk(now - lastMs)
      lastMs = now
    }
    if (text.includes(DONE, from)) {
      failure = chunks === plan.chunks ? undefined : `${chunks} of ${plan.chunks} chunks`
      socket.destroy()
      return
    }
    tail = text.slice(Math.max(from, text.length - TAIL)) || ' '
  }
  const socket = connect({
    port: plan.port,
    host: '127.0.0.1',
    noDelay: true,
    onread: {
      buffer: ARRIVED,
      callback: (length) => {
        read(ARRIVED.toString('latin1', 0, length))
        return true
      },
    },
  })
  socket.on('connect', () => socket.write(requestOf(plan)))
  socket.on('error', (error) => {
    failure = error.message
  })
  socket.on('close', () => events.ended(failure))
}

function requestOf({ port, apiKey, model, chunks, gapMs }: StreamPlan): string {
  const body = JSON.stringify({
    model,
    stream: true,
    max_tokens: chunks,
    messages: [{ role: 'user', content: `c${chunks}g${gapMs}` }],
  })
  return [
    'POST /v1/chat/completions HTTP/1.1',
    `host: 127.0.0.1:${port}`,
    `authorization: Bearer ${apiKey}`,
    'content-type: application/json',
    `content-length: ${body.length}`,
    '',
    body,
  ].join('\r\n')
}
