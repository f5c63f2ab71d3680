import { createOpenAICompatible } from '@ai-sdk/openai-compatible'
import { generateText, streamText } from 'ai'
import { beforeAll, describe, expect, test } from 'vitest'
import { REGISTRY_CODE_HASH } from '#contracts'
import type { Connection } from './connect.ts'
import { connect } from './main.ts'
import { PINNED_REGISTRY } from './registry/pinned.ts'
import { GATEWAY, makeWorld, type TestWorld } from './testing/lying-gateway.ts'
import { MODEL } from './testing/test-runner.ts'

let world: TestWorld
let cocoon: Connection

beforeAll(async () => {
  world = await makeWorld({ runners: 4 })
  cocoon = await world.connect()
})

const BODY = JSON.stringify({ model: MODEL, messages: [{ role: 'user', content: 'hi' }] })
const post = (url: string, init: RequestInit = {}) =>
  cocoon.fetch(url, { method: 'POST', body: BODY, ...init })

async function thrown(work: () => Promise<unknown>): Promise<unknown> {
  try {
    await work()
  } catch (error) {
    return error
  }
  throw new Error('nothing was thrown')
}

describe('what a program must not do is thrown, and nothing is sent', () => {
  const CHAT = `${GATEWAY}/v1/chat/completions`
  test.each<[string, string, RequestInit | undefined]>([
    ['cross_origin', 'https://other.test/v1/chat/completions', undefined],
    ['cross_origin', 'http://gateway.test/v1/chat/completions', undefined],
    ['cross_origin', '/v1/chat/completions', undefined],
    ['url_credentials', 'https://me:secret@gateway.test/v1/chat/completions', undefined],
    ['reserved_header', CHAT, { headers: { 'Ehbp-Encapsulated-Key': '00' } }],
    ['reserved_header', CHAT, { headers: { 'x-cocoon-head': 'e30' } }],
    ['reserved_header', CHAT, { headers: { 'X-Cocoon-Allowance': 'a.b' } }],
  ])('%s: %s', async (code, url, init) => {
    const before = world.seen.length
    expect(await thrown(() => post(url, init))).toMatchObject({ code })
    expect(world.seen).toHaveLength(before)
  })
})

describe('what cannot be sealed is refused, and nothing is sent in the clear', () => {
  test.each([
    ['POST', '/v1/files', 'unsealable'],
    ['POST', '/v1/audio/speech', 'unsealable'],
    ['POST', '/v1/audio/transcriptions', 'bad_request_body'],
    ['POST', '/v1/chat/completions?debug=1', 'unsealable'],
    ['DELETE', '/v1/keys/1', 'unsealable'],
    ['PUT', '/v1/chat/completions', 'unsealable'],
  ])('%s %s', async (method, path, code) => {
    const before = world.seen.length
    const response = await post(`${GATEWAY}${path}`, { method })
    expect(response.ok).toBe(false)
    expect(await response.json()).toMatchObject({ error: { code } })
    expect(world.seen).toHaveLength(before)
  })

  test.each(['not json', '[]', '{}', '{"model":7}', '{"model":"a b"}'])('body %s', async (body) => {
    const before = world.seen.length
    const response = await post(`${GATEWAY}/v1/chat/completions`, { body })
    expect(await response.json()).toMatchObject({ error: { code: 'bad_request_body' } })
    expect(world.seen).toHaveLength(before)
  })

  test('reading requests pass with their key and no other header', async () => {
    const headers = { authorization: 'Bearer k', 'x-private': 'p', cookie: 'c=1' }
    const response = await cocoon.fetch(`${GATEWAY}/v1/models`, { headers })
    expect(await response.json()).toMatchObject({ object: 'list' })
    const [url, sent] = world.seen.slice(-3)
    expect(url).toBe(`${GATEWAY}/v1/models`)
    expect(sent).toContain('Bearer k')
    expect(sent).not.toMatch(/x-private|cookie/)
  })

  test('a closed connection sends nothing', async () => {
    const other = await world.connect()
    other.close()
    expect(await thrown(() => other.fetch(`${GATEWAY}/v1/models`))).toMatchObject({
      code: 'bad_option',
    })
  })

  test.each([
    ['http://gateway.example/v1', 'insecure_base_url'],
    ['https://u:p@gateway.example/v1', 'url_credentials'],
    ['gateway.example', 'bad_option'],
    ['ftp://gateway.example/v1', 'bad_option'],
  ])('base URL %s', async (baseURL, code) => {
    expect(await thrown(() => connect({ baseURL }))).toMatchObject({ code })
  })

  test('key configurations, which nobody attested, are never asked for', () => {
    expect(world.seen.join()).not.toContain('.well-known')
  })
})

describe('several hosts (H12)', () => {
  test('prompts spread over hosts; four payees on one chip are one host', async () => {
    for (let i = 0; i < 60; i++) await (await post(`${GATEWAY}/v1/chat/completions`)).text()
    const used = new Set(world.sent)
    expect(used.size).toBe(4)
    expect(cocoon.verification.hosts).toBe(1)
    expect(cocoon.verification.warnings.join()).toContain('independent host')
  })

  test('a runner that is gone is replaced before the first byte; a prompt goes to two at most', async () => {
    world.sent.length = 0
    let calls = 0
    world.lies = {
      instead: () => (++calls === 1 ? new Response('{}', { status: 502 }) : undefined),
    }
    expect((await post(`${GATEWAY}/v1/chat/completions`)).ok).toBe(true)
    expect(new Set(world.sent).size).toBe(2)
    world.sent.length = 0
    world.lies = { instead: () => new Response('{}', { status: 503 }) }
    const response = await post(`${GATEWAY}/v1/chat/completions`)
    expect(await response.json()).toMatchObject({ error: { code: 'runner_gone' } })
    expect(world.sent).toHaveLength(2)
    world.lies = {}
  })

  test('a prompt goes to runners that serve its endpoint, and is else refused unsent', async () => {
    const [serves] = world.runners
    const endpointsOf = (id: string): readonly string[] =>
      id === serves?.id ? ['/v1/chat/completions'] : ['/v1/embeddings']
    world.lies = {
      // Sound: what the honest gateway answers.
      json: (path, honest) =>
        path !== '/v1/runners'
          ? honest
          : {
              data: (honest as { data: { id: string }[] }).data.map((offer) => ({
                ...offer,
                endpoints: endpointsOf(offer.id),
              })),
            },
    }
    const choosy = await world.connect()
    const send = (path: string) => choosy.fetch(`${GATEWAY}${path}`, { method: 'POST', body: BODY })
    world.sent.length = 0
    for (let i = 0; i < 8; i++) expect((await send('/v1/chat/completions')).ok).toBe(true)
    expect(new Set(world.sent)).toEqual(new Set([serves?.id]))
    const refused = await send('/v1/responses')
    expect(refused.status).toBe(404)
    expect(await refused.json()).toMatchObject({ error: { code: 'unsupported_endpoint' } })
    expect(world.sent).toHaveLength(8)
    world.lies = {}
  })

  test('a prompt pinned to sessions goes to them alone, and is else refused', async () => {
    const pinned = world.runners[2]
    const send = (provider: object) =>
      cocoon.fetch(`${GATEWAY}/v1/chat/completions`, {
        method: 'POST',
        body: JSON.stringify({ ...JSON.parse(BODY), provider }),
      })
    world.sent.length = 0
    for (let i = 0; i < 8; i++) {
      expect((await send({ aci_session_ids: [pinned?.sessionId] })).ok).toBe(true)
    }
    expect(new Set(world.sent)).toEqual(new Set([pinned?.id]))
    for (const [provider, status, code] of [
      [{ aci_session_ids: ['00'.repeat(32)] }, 412, 'session_not_accepted'],
      [{ aci_verified: true }, 503, 'simulated_refused'],
      [{ aci_unknown: true }, 400, 'bad_request_body'],
      [{ zdr: true }, 503, 'simulated_refused'],
      [{ data_collection: 'deny' }, 503, 'simulated_refused'],
      [{ only: ['run_1'] }, 400, 'bad_request_body'],
      [{ zdr: 'yes' }, 400, 'bad_request_body'],
    ] as const) {
      const response = await send(provider)
      expect(response.status).toBe(status)
      expect(await response.json()).toMatchObject({ error: { code } })
    }
    expect(world.sent).toHaveLength(8)
  })

  test('a pace is asked of the runner inside the seal, for streams alone', async () => {
    const paced = await world.connect({ paceMs: 100 })
    const send = async (body: object) => {
      const url = `${GATEWAY}/v1/chat/completions`
      await (await paced.fetch(url, { method: 'POST', body: JSON.stringify(body) })).text()
      return world.runners.flatMap(({ opened }) => opened).find((text) => text.includes('pace-me'))
    }
    const ask = { ...JSON.parse(BODY), messages: [{ role: 'user', content: 'pace-me' }] }
    expect(JSON.parse((await send({ ...ask, stream: true })) ?? '')).toMatchObject({
      ...{ ...ask, stream: true },
      cocoon_pace_ms: 100,
    })
    for (const { opened } of world.runners) opened.length = 0
    expect(JSON.parse((await send(ask)) ?? '')).toEqual(ask)
    for (const paceMs of [0, 49, 1_001, 0.5]) {
      await expect(world.connect({ paceMs })).rejects.toMatchObject({ code: 'bad_option' })
    }
  })

  test('requests with one cache key stay with one host', async () => {
    const fresh = await world.connect()
    world.sent.length = 0
    const body = JSON.stringify({ ...JSON.parse(BODY), prompt_cache_key: 'session-1' })
    for (let i = 0; i < 12; i++) {
      const url = `${GATEWAY}/v1/chat/completions`
      await (await fresh.fetch(url, { method: 'POST', body })).text()
    }
    expect(new Set(world.sent).size).toBe(1)
  })
})

test('an abort is the caller’s own', async () => {
  const signal = AbortSignal.abort()
  const error = await thrown(() => post(`${GATEWAY}/v1/chat/completions`, { signal }))
  expect(error).toMatchObject({ name: 'AbortError' })
})

test('the Vercel AI SDK works unmodified', async () => {
  const provider = createOpenAICompatible({
    name: 'cocoon',
    baseURL: cocoon.baseURL,
    fetch: cocoon.fetch,
  })
  const { text } = await generateText({ model: provider(MODEL), prompt: 'hi' })
  expect(text).toBe('Hello there')
  const stream = streamText({ model: provider(MODEL), prompt: 'hi' })
  expect(await stream.text).toBe('Hello there')
})

test('the pinned Registry code is the compiled one', () => {
  expect(PINNED_REGISTRY.codeHash).toBe(REGISTRY_CODE_HASH)
})
