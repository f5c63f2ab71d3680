import fs, { readFileSync } from 'node:fs'
import { createServer } from 'node:http'
import { join } from 'node:path'
import { Registry } from 'prom-client'
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest'
import { unixMs } from '#base/brand.ts'
import { answerInOrder } from '../testing/runner-answers.ts'
import { startTestRunner, type TestRunner } from '../testing/test-runner.ts'
import { MODEL, startTestWorld, type TestAccount, type TestWorld } from '../testing/world.ts'
import { createPromMetrics } from './prom-metrics.ts'

const DASHBOARD = join(import.meta.dirname, '../../docs/grafana-dashboard.json')
const SECRET = 'a secret word of the prompt'
/** What lists every open connection and timer of a process, one object each. */
const WALKS = ['_getActiveHandles', '_getActiveRequests', 'getActiveResourcesInfo'] as const

interface SentSpan {
  readonly traceId: string
  readonly spanId: string
  readonly parentSpanId?: string
  readonly name: string
  readonly startTimeUnixNano: string
  readonly endTimeUnixNano: string
  readonly attributes: readonly { readonly key: string; readonly value: object }[]
}

/** A collector of traces, as OpenTelemetry's own would listen. */
async function startCollector() {
  const texts: string[] = []
  const heard: { url: string | undefined; authorization: string | undefined }[] = []
  const server = createServer(async (request, response) => {
    let text = ''
    for await (const part of request) text += part
    texts.push(text)
    heard.push({ url: request.url, authorization: request.headers.authorization })
    response.writeHead(200, { 'content-type': 'application/json' }).end('{}')
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const address = server.address()
  if (address === null || typeof address === 'string') throw new TypeError('no port')
  return { url: `http://127.0.0.1:${address.port}/v1/traces`, texts, heard, server }
}

let collector: Awaited<ReturnType<typeof startCollector>>
let world: TestWorld
let runner: TestRunner
let account: TestAccount

beforeAll(async () => {
  collector = await startCollector()
  world = await startTestWorld({
    traces: {
      url: collector.url,
      headers: { authorization: 'Bearer of the collector' },
      service: 'test',
      ratio: 1,
    },
  })
  runner = await startTestRunner(world)
  account = await world.account(1_000_000n)
})
afterAll(async () => {
  await runner?.close()
  await world?.close()
  collector?.server.close()
})

function ask(changes: object = {}, headers: Record<string, string> = {}): Promise<Response> {
  return fetch(`${world.gateway.origin}/v1/chat/completions`, {
    method: 'POST',
    headers: { authorization: `Bearer ${account.key}`, ...headers },
    body: JSON.stringify({
      model: MODEL,
      messages: [{ role: 'user', content: SECRET }],
      max_tokens: 10,
      ...changes,
    }),
  })
}

const metricsText = async (): Promise<string> =>
  (await fetch(`${world.gateway.origin}/metrics`)).text()

describe('headers that say how long it took', () => {
  test.each([[{}], [{ stream: true }], [{ model: 'nobody-has-it' }]])('%j', async (changes) => {
    const response = await ask(changes)
    await response.text()
    expect(response.headers.get('openai-processing-ms')).toMatch(/^\d+$/)
    expect(response.headers.get('openai-version')).toBe('2020-10-01')
    expect(response.headers.get('server-timing')).toMatch(
      /^queue;dur=\d+\.\d, gateway;dur=\d+\.\d, runner;dur=\d+\.\d$/,
    )
    expect(response.headers.get('access-control-expose-headers')).toContain('server-timing')
  })
})

describe('metrics', () => {
  test('say what was asked, what it cost, and how things stand', async () => {
    await (await ask()).text()
    await account.balance()
    const text = await metricsText()
    expect(text).toMatch(
      /cocoon_request_seconds_count\{path="\/v1\/chat\/completions",confidentiality="plain",outcome="answered"\} [1-9]/,
    )
    expect(text).toMatch(/cocoon_tokens_total\{kind="completion"\} [1-9]/)
    expect(text).toMatch(/cocoon_settled_nano_total [1-9]/)
    expect(text).toMatch(/cocoon_overhead_seconds_count [1-9]/)
    expect(text).toMatch(/cocoon_first_byte_seconds_count [1-9]/)
    expect(text).toMatch(/cocoon_ledger_commit_operations_count [1-9]/)
    expect(text).toMatch(/cocoon_runners\{state="free"\} 1/)
    expect(text).toMatch(/cocoon_registry_age_seconds \d/)
    expect(text).toMatch(/process_resident_memory_bytes [1-9]/)
  })

  test('walk over no handles, of which there are as many as streams', async () => {
    // Sound: Node has these functions, of which its types leave out two; prom-client calls them.
    const asked = process as unknown as Record<(typeof WALKS)[number], () => unknown[]>
    const walks = [...WALKS.map((name) => vi.spyOn(asked, name)), vi.spyOn(fs, 'readdirSync')]
    try {
      expect(await metricsText()).toMatch(/process_open_fds [1-9]/)
      for (const walk of walks) expect(walk).not.toHaveBeenCalled()
    } finally {
      for (const walk of walks) walk.mockRestore()
    }
  })

  test('take no word from outside into a label', async () => {
    const word = 'word-of-a-stranger'
    await (await ask({ model: word, user: word, provider: { only: [word] } })).text()
    await (await ask({}, { 'user-agent': word, 'x-request-id': word, traceparent: word })).text()
    runner.behave(({ response }) => {
      response.writeHead(418, { 'content-type': word, server: word }).end(word)
    })
    await (await ask()).text()
    runner.behave(answerInOrder)
    await fetch(`${world.gateway.origin}/v1/${word}`)
    const text = await metricsText()
    expect(text).not.toContain(word)
    expect(text).not.toContain(account.id)
    expect(text).not.toContain(runner.id)
  })
})

describe('the dashboard', () => {
  const expressions = [...readFileSync(DASHBOARD, 'utf8').matchAll(/"expr": "((?:[^"\\]|\\.)*)"/g)]
    .map(([, text = '']) => text)
    .join('\n')
  const registry = new Registry()
  createPromMetrics(() => unixMs(0), registry)
  const known = registry.getMetricsAsArray().filter(({ name }) => name.startsWith('cocoon_'))

  test('asks for metrics that exist, and for all of ours', async () => {
    const asked = new Set(expressions.match(/\bcocoon_\w+/g)?.map(baseName))
    expect([...asked].sort()).toEqual(known.map(({ name }) => name).sort())
    const served = await metricsText()
    for (const name of expressions.match(/\b(?:nodejs|process)_\w+/g) ?? []) {
      expect(served).toContain(`\n${name} `)
    }
  })

  test('groups by labels that they have', () => {
    for (const [, labels = '', metric = ''] of expressions.matchAll(
      /sum by \(([^)]*)\) \(rate\((cocoon_\w+)/g,
    )) {
      const found = known.find(({ name }) => name === baseName(metric))
      // Sound: every metric of the library has its label names, though its type does not say so.
      const { labelNames } = found as unknown as { labelNames: readonly string[] }
      for (const label of labels.split(', ')) expect(['le', ...labelNames]).toContain(label)
    }
  })

  function baseName(metric: string): string {
    return metric.replace(/_(?:bucket|sum|count)$/, '')
  }
})

describe('traces', () => {
  test('show a request and its attempts by ids, codes and times, under the caller’s trace', async () => {
    const trace = 'ab'.repeat(16)
    const response = await ask({}, { traceparent: `00-${trace}-${'cd'.repeat(8)}-01` })
    await response.text()
    const id = response.headers.get('x-request-id')
    await world.restart()
    const sent = collector.texts.join('\n')
    const spans: SentSpan[] = collector.texts.flatMap(
      (text) => JSON.parse(text).resourceSpans[0].scopeSpans[0].spans,
    )
    const ours = spans.filter(({ traceId }) => traceId === trace)
    const [root, attempt] = ours
    expect(ours.map(({ name }) => name)).toEqual(['POST /v1/chat/completions', 'runner attempt'])
    expect(root?.parentSpanId).toBe('cd'.repeat(8))
    expect(attempt?.parentSpanId).toBe(root?.spanId)
    expect(JSON.stringify(root)).toContain(id)
    expect(JSON.stringify(attempt)).toContain(runner.id)
    expect(BigInt(attempt?.endTimeUnixNano ?? 0)).toBeGreaterThanOrEqual(
      BigInt(attempt?.startTimeUnixNano ?? 1),
    )
    const keys = new Set(spans.flatMap(({ attributes }) => attributes.map(({ key }) => key)))
    expect([...keys].sort()).toEqual([
      'cocoon.attempt',
      'cocoon.body',
      'cocoon.first_byte_ms',
      'cocoon.outcome',
      'cocoon.queue_ms',
      'cocoon.request_id',
      'cocoon.runner',
      'gen_ai.request.model',
    ])
    for (const hidden of [SECRET, account.key, account.id, 'word-of-a-stranger']) {
      expect(sent).not.toContain(hidden)
    }
    expect(collector.heard[0]).toEqual({
      url: '/v1/traces',
      authorization: 'Bearer of the collector',
    })
  })

  test('no trace context leaves for a runner', async () => {
    let names: readonly string[] = []
    runner.behave((exchange) => {
      names = Object.keys(exchange.request.headers)
      answerInOrder(exchange)
    })
    await (await ask({}, { traceparent: `00-${'ab'.repeat(16)}-${'cd'.repeat(8)}-01` })).text()
    expect(names.length).toBeGreaterThan(0)
    expect(names.filter((name) => /trace|baggage|b3/.test(name))).toEqual([])
  })
})

test('metrics are not passed on by a proxy on the gateway’s machine (M17)', async () => {
  for (const name of ['x-forwarded-for', 'forwarded', 'via']) {
    const headers = { [name]: '203.0.113.7' }
    expect((await fetch(`${world.gateway.origin}/metrics`, { headers })).status).toBe(404)
  }
  expect((await fetch(`${world.gateway.origin}/metrics`)).status).toBe(200)
})
