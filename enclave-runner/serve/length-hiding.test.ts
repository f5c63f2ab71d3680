import { once } from 'node:events'
import { createServer, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { JSON_BUCKETS_BYTES, padSse } from '#protocol'
import { type Leg, prepare } from '../testing/ask.ts'
import { type Registered, startTestGateway } from '../testing/test-gateway.ts'
import { startTestRunner } from '../testing/test-runner.ts'

/**
 * What the gateway learns of words from sizes and counts of frames: the mutual information between the lengths of
 * tokens and what it sees, over answers of equal structure. Without hiding the same measure finds the lengths.
 * @see SPEC.md section 3.4
 */
const ANSWERS = 200
const TOKENS = 8
const AT_ONCE = 25
/** Longest words of the two samples: all in one bucket, and over several. */
const SHORT = 24
const LONG = 1_200

/** Words of one answer, by its number: the same for each way of sending. */
function wordsOf(answer: number, longest: number): string[] {
  let state = answer + 1
  return Array.from({ length: TOKENS }, () => {
    state = (state * 48_271) % 2_147_483_647
    return 'x'.repeat(1 + (state % longest))
  })
}

/** Asked "<answer> <longest>", sends one word as soon as the frame of the one before has reached the gateway. */
const gates = new Map<string, () => void>()
const engine = createServer(async (request, response) => {
  if (request.url === '/v1/models') {
    response.end('{"data":[{"id":"m","owned_by":"x","max_model_len":100000}]}')
    return
  }
  if (request.url !== '/v1/chat/completions') {
    response.writeHead(404).end()
    return
  }
  const parts: Buffer[] = []
  for await (const part of request) parts.push(part)
  const { stream, messages } = JSON.parse(Buffer.concat(parts).toString())
  const name: string = messages[0].content
  const [answer, longest] = name.split(' ').map(Number)
  const words = wordsOf(answer ?? 0, longest ?? 0)
  await (stream === true ? sendStream(response, name, words) : sendWhole(response, words))
})
let at: Registered
const closers: (() => Promise<unknown>)[] = []

beforeAll(async () => {
  engine.listen(0, '127.0.0.1')
  await once(engine, 'listening')
  // Sound: a TCP server that listens has an address object.
  const { port } = engine.address() as AddressInfo
  const url = `http://127.0.0.1:${port}`
  const gateway = await startTestGateway()
  const { runner } = await startTestRunner([gateway.origin], {
    engine: { kind: 'openai-url', url, apiKey: undefined, engineModel: undefined },
    capacity: 2 * AT_ONCE,
  })
  closers.push(() => runner.close(0), gateway.close)
  await gateway.until(() => gateway.heartbeats.length > 0)
  // Sound: `until` just saw one.
  at = gateway.registrations[0] as Registered
})
afterAll(async () => {
  for (const close of closers) await close()
  engine.closeAllConnections()
  engine.close()
})

const HEAD = { id: 'chatcmpl-1', created: 1, model: 'm' }
const USAGE = { prompt_tokens: 5, completion_tokens: TOKENS, total_tokens: 5 + TOKENS }

async function sendStream(response: ServerResponse, name: string, words: readonly string[]) {
  const chunk = (delta: object, finish_reason: string | null, more: object = {}) => {
    const choices = [{ index: 0, delta, finish_reason }]
    return `data: ${JSON.stringify({ ...HEAD, object: 'chat.completion.chunk', choices, ...more })}\n\n`
  }
  response.writeHead(200, { 'content-type': 'text/event-stream' })
  for (const content of words) {
    const arrived = new Promise<void>((resolve) => gates.set(name, resolve))
    response.write(chunk({ content }, null))
    await arrived
  }
  response.end(`${chunk({}, 'stop', { usage: USAGE })}data: [DONE]\n\n`)
}

async function sendWhole(response: ServerResponse, words: readonly string[]) {
  const message = { role: 'assistant', content: words.join('') }
  const choices = [{ index: 0, message, finish_reason: 'stop' }]
  response.writeHead(200, { 'content-type': 'application/json' })
  response.end(JSON.stringify({ ...HEAD, object: 'chat.completion', choices, usage: USAGE }))
}

/** Sizes of the frames on the wire: all that the gateway can see of an answer's content. */
async function seen(
  answer: number,
  way: { readonly leg: Leg; readonly stream: boolean; readonly longest: number },
): Promise<number[]> {
  const { leg, stream, longest } = way
  const name = `${answer} ${longest}`
  const body = { model: 'tiny-demo', stream, messages: [{ role: 'user', content: name }] }
  const { sent, path } = await prepare(at, body, { leg })
  const response = await fetch(`${at.url}${path}`, {
    method: 'POST',
    headers: sent.headers,
    body: sent.body as Uint8Array<ArrayBuffer>,
  })
  expect(response.status).toBe(200)
  const sizes: number[] = []
  let rest = Buffer.alloc(0)
  for await (const part of response.body ?? []) {
    rest = Buffer.concat([rest, part])
    while (rest.length >= 4 && rest.length >= 4 + rest.readUInt32BE()) {
      const size = rest.readUInt32BE()
      rest = rest.subarray(4 + size)
      sizes.push(size - 16)
      gates.get(name)?.()
    }
  }
  expect(rest).toHaveLength(0)
  return sizes
}

async function seenOfAll(way: Parameters<typeof seen>[1]): Promise<number[][]> {
  const all: number[][] = []
  for (let from = 0; from < ANSWERS; from += AT_ONCE) {
    const batch = Array.from({ length: AT_ONCE }, (_, i) => seen(from + i, way))
    all.push(...(await Promise.all(batch)))
  }
  return all
}

/** Shannon's entropy in bits, of what was counted. */
function entropy(values: readonly unknown[]): number {
  const counts = new Map<unknown, number>()
  for (const value of values) counts.set(value, (counts.get(value) ?? 0) + 1)
  return [...counts.values()].reduce((sum, count) => {
    const share = count / values.length
    return sum - share * Math.log2(share)
  }, 0)
}

function mutualInformation(pairs: readonly (readonly [unknown, unknown])[]): number {
  const joint = entropy(pairs.map(([a, b]) => `${a}|${b}`))
  return entropy(pairs.map(([a]) => a)) + entropy(pairs.map(([, b]) => b)) - joint
}

const lengths = (longest: number) =>
  Array.from({ length: ANSWERS }, (_, answer) =>
    wordsOf(answer, longest).map((word) => word.length),
  )

/** Each token's length beside the size of the frame that carried it. */
function perToken(longest: number, frames: readonly (readonly number[])[]) {
  const all = lengths(longest)
  return frames.flatMap((sizes, answer) =>
    (all[answer] ?? []).map((length, token) => [length, sizes[token]] as const),
  )
}

/** The length of the whole text beside the number and sum of the frames. */
function perAnswer(longest: number, frames: readonly (readonly number[])[]) {
  return lengths(longest).map((words, answer) => {
    const sizes = frames[answer] ?? []
    return [sum(words), `${sizes.length}:${sum(sizes)}`] as const
  })
}

const sum = (values: readonly number[]) => values.reduce((total, value) => total + value, 0)
const secretBits = (pairs: readonly (readonly [unknown, unknown])[]) =>
  entropy(pairs.map(([secret]) => secret))

describe('200 streamed answers of other words and equal structure', () => {
  test('show nothing of their words when these fit one bucket', async () => {
    const frames = await seenOfAll({ leg: 'cocoon', stream: true, longest: SHORT })
    expect(mutualInformation(perToken(SHORT, frames))).toBe(0)
    expect(mutualInformation(perAnswer(SHORT, frames))).toBe(0)
    expect(new Set(frames.map((sizes) => sizes.join())).size).toBe(1)
  })

  test('show them all without hiding: the measure can find what there is', async () => {
    const frames = await seenOfAll({ leg: 'ehbp', stream: true, longest: SHORT })
    const tokens = perToken(SHORT, frames)
    expect(secretBits(tokens)).toBeGreaterThan(4)
    expect(mutualInformation(tokens)).toBeCloseTo(secretBits(tokens), 9)
    expect(mutualInformation(perAnswer(SHORT, frames))).toBeGreaterThan(4)
  })

  test('show the bucket of each word, and no more, when these are of many sizes', async () => {
    const bare = await seenOfAll({ leg: 'ehbp', stream: true, longest: LONG })
    const frames = await seenOfAll({ leg: 'cocoon', stream: true, longest: LONG })
    const tokens = perToken(LONG, frames)
    // What the SPEC grants: the bucket of each event, by the event's own size.
    const granted = perToken(LONG, bare).map(([, size = 0]) => padSse(new Uint8Array(size)).length)
    expect(tokens.map(([, size]) => size)).toEqual(granted)
    expect(new Set(granted).size).toBeGreaterThan(2)
    expect(mutualInformation(tokens)).toBeCloseTo(entropy(granted), 9)
    expect(mutualInformation(tokens)).toBeLessThan(secretBits(tokens) / 4)
  })
})

describe('200 whole answers of other words', () => {
  test('show nothing of them when they fit one bucket', async () => {
    const frames = await seenOfAll({ leg: 'cocoon', stream: false, longest: SHORT })
    expect(mutualInformation(perAnswer(SHORT, frames))).toBe(0)
    expect(frames.every(([first]) => first === JSON_BUCKETS_BYTES[0])).toBe(true)
  })

  test('show its bucket when they do not, and no more', async () => {
    const pairs = perAnswer(LONG, await seenOfAll({ leg: 'cocoon', stream: false, longest: LONG }))
    const buckets = entropy(pairs.map(([, shown]) => shown))
    expect(mutualInformation(pairs)).toBeCloseTo(buckets, 9)
    expect(buckets).toBeGreaterThan(0.5)
    expect(new Set(pairs.map(([, shown]) => shown)).size).toBeLessThanOrEqual(4)
  })
})
