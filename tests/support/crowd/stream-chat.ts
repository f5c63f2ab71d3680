import { Agent, request } from 'node:http'
import { SCRIPTED_MODEL } from '../open-world.ts'

export interface Streamed {
  readonly status: number
  readonly receiptId: string
  /** Until the first token was here. */
  readonly firstTokenMs: number
  /** What the answer itself says that it costs; undefined when it did not come to its end. */
  readonly costNano: bigint | undefined
}

export interface StreamOptions {
  readonly origin: string
  readonly key: string
  readonly script: string
  readonly agent: Agent
  readonly onFirstToken?: () => void
}

/** Every stream on a socket of its own. */
export function openAgent(): Agent {
  return new Agent({ keepAlive: true, maxSockets: Number.POSITIVE_INFINITY })
}

/** One streamed chat over node:http. @returns also when it was refused or cut */
export function streamChat(options: StreamOptions): Promise<Streamed> {
  const { origin, key, script, agent, onFirstToken } = options
  const body = JSON.stringify({
    model: SCRIPTED_MODEL,
    stream: true,
    stream_options: { include_usage: true },
    max_tokens: 200,
    messages: [{ role: 'user', content: script }],
  })
  const began = performance.now()
  return new Promise((resolve, reject) => {
    const asked = request(`${origin}/v1/chat/completions`, {
      method: 'POST',
      agent,
      headers: {
        authorization: `Bearer ${key}`,
        'content-type': 'application/json',
        'content-length': Buffer.byteLength(body),
      },
    })
    asked.on('error', reject)
    asked.on('response', (response) => {
      let firstTokenMs: number | undefined
      let tail = ''
      response.setEncoding('utf8')
      response.on('data', (text: string) => {
        // Only its end is looked at: two thousand answers are not kept whole.
        tail = (tail + text).slice(-4_096)
        if (firstTokenMs !== undefined || !tail.includes('"content"')) return
        firstTokenMs = performance.now() - began
        onFirstToken?.()
      })
      response.on('close', () =>
        resolve({
          status: response.statusCode ?? 0,
          receiptId: String(response.headers['x-receipt-id'] ?? ''),
          firstTokenMs: firstTokenMs ?? Number.POSITIVE_INFINITY,
          costNano: costOf(tail),
        }),
      )
    })
    asked.end(body)
  })
}

function costOf(tail: string): bigint | undefined {
  if (!/^data: \[DONE\]$/m.test(tail)) return undefined
  const cost = /"cost_nano":"(\d+)"/.exec(tail)?.[1]
  return cost === undefined ? undefined : BigInt(cost)
}
