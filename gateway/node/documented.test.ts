import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { parse } from 'yaml'
import { startTestRunner, type TestRunner } from '../testing/test-runner.ts'
import {
  ADMIN_KEY,
  MODEL,
  PAYEE,
  startTestWorld,
  type TestAccount,
  type TestWorld,
} from '../testing/world.ts'

/**
 * What every route that `openapi.yaml` lists refuses in the same way, asked of each: the description itself is the table.
 * The recorder of `tests/support/openapi` holds each answer to it.
 */
interface Operation {
  readonly security?: readonly object[]
  readonly requestBody?: { readonly content: Readonly<Record<string, object>> }
  readonly responses: Readonly<Record<string, object>>
}
interface Listed {
  readonly name: string
  readonly method: string
  readonly path: string
  readonly operation: Operation
}

const FILE = join(import.meta.dirname, '..', '..', 'openapi.yaml')
const METHODS = ['get', 'post', 'patch', 'put', 'delete']
const INFERENCE = [
  'chat/completions',
  'completions',
  'embeddings',
  'responses',
  'messages',
  'messages/count_tokens',
]
const TOO_LARGE = 9 * 1024 * 1024

// Sound: tests/openapi.test.ts holds the file to OpenAPI's own schema.
const { paths } = parse(readFileSync(FILE, 'utf8')) as {
  paths: Record<string, Record<string, Operation>>
}
const listed: readonly Listed[] = Object.entries(paths).flatMap(([path, item]) =>
  METHODS.flatMap((method) => {
    const operation = item[method]
    return operation === undefined ? [] : [{ name: `${method} ${path}`, method, path, operation }]
  }),
)

let world: TestWorld
let runner: TestRunner
let rich: TestAccount
let poor: TestAccount

beforeAll(async () => {
  world = await startTestWorld()
  runner = await startTestRunner(world)
  rich = await world.account(1_000_000_000n)
  poor = await world.account(0n)
})
afterAll(async () => {
  await runner?.close()
  await world?.close()
})

/** A path with parameters that lead somewhere, where a refusal comes before anything is looked up. */
function filled(path: string): string {
  const values: Readonly<Record<string, string>> = {
    endpoint: 'chat/completions',
    action: 'admit',
    address: PAYEE,
    id: path.startsWith('/runners/') || path.startsWith('/admin/runners') ? runner.id : 'none',
  }
  return path.replace(/\{(\w+)\}/g, (_, name: string) => values[name] ?? 'none')
}

function keyOf({ operation, path }: Listed): string | undefined {
  if (path.startsWith('/admin/')) return ADMIN_KEY
  return operation.security?.length === 0 ? undefined : rich.key
}

function call(
  { method, path }: { method: string; path: string },
  key: string | undefined,
  body?: string,
): Promise<Response> {
  return fetch(world.gateway.origin + path, {
    method: method.toUpperCase(),
    headers: {
      ...(key === undefined ? {} : { authorization: `Bearer ${key}` }),
      ...(body === undefined ? {} : { 'content-type': 'application/json' }),
    },
    ...(body === undefined ? {} : { body }),
  })
}

async function codeOf(response: Response): Promise<unknown> {
  return (await response.json()).error.code
}

/** Routes that need a part which this world has not: a cashier, several stores. Their own tests ask them. */
const ELSEWHERE = ['post /v1/account/exit', 'post /admin/moving/']

const takesJson = ({ operation, path, method }: Listed): boolean =>
  operation.requestBody?.content['application/json'] !== undefined &&
  // It needs no member of its body.
  path !== '/v1/runners/challenge' &&
  !ELSEWHERE.some((start) => `${method} ${path}`.startsWith(start))

describe('without a key, refused', () => {
  test.each(listed.filter(({ operation }) => '401' in operation.responses))(
    '$name',
    async (one) => {
      const response = await call(
        { ...one, path: filled(one.path) },
        undefined,
        one.method === 'get' ? undefined : '{}',
      )
      expect(response.status).toBe(401)
      expect(response.headers.get('www-authenticate')).toBe('Bearer')
    },
  )
})

describe('a body that is not JSON is refused', () => {
  test.each(listed.filter(takesJson))('$name', async (one) => {
    const response = await call({ ...one, path: filled(one.path) }, keyOf(one), '{"a":')
    expect(response.status).toBe(400)
    expect(await codeOf(response)).toBe('invalid_json')
  })
})

describe('a body that is too large is refused', () => {
  test.each(listed.filter((one) => takesJson(one)))('$name', async (one) => {
    const response = await call(
      { ...one, path: filled(one.path) },
      keyOf(one),
      'x'.repeat(TOO_LARGE),
    )
    expect(response.status).toBe(413)
    expect(await codeOf(response)).toBe('request_too_large')
  })
})

describe('every endpoint of inference', () => {
  const BODY = {
    model: MODEL,
    messages: [{ role: 'user', content: 'hi' }],
    input: 'hi',
    prompt: 'hi',
    max_tokens: 5,
  }
  const ask = (endpoint: string, key: string, more: object = {}) =>
    call({ method: 'post', path: `/v1/${endpoint}` }, key, JSON.stringify({ ...BODY, ...more }))

  test.each(INFERENCE)('%s: an account without money is asked to top up', async (endpoint) => {
    const response = await ask(endpoint, poor.key)
    expect(response.status).toBe(402)
    expect(await codeOf(response)).toBe('insufficient_credits')
  })

  test.each(INFERENCE)('%s: an unknown model is not found', async (endpoint) => {
    const response = await ask(endpoint, rich.key, { model: 'none' })
    expect(response.status).toBe(404)
    expect(await codeOf(response)).toBe('model_not_found')
  })

  test.each(INFERENCE)('%s: a key for sealed requests refuses plain ones', async (endpoint) => {
    const made = await call({ method: 'post', path: '/v1/keys' }, rich.key, '{"sealed_only":true}')
    const { key } = await made.json()
    const response = await ask(endpoint, key)
    expect(response.status).toBe(403)
    expect(await codeOf(response)).toBe('sealed_only')
  })
})

describe('a form with a recording', () => {
  const formOf = (model: string) => {
    const form = new FormData()
    form.append('model', model)
    form.append('file', new File([new Uint8Array(8_000)], 'a.wav'))
    return form
  }
  const send = (key: string, body: FormData | string) =>
    fetch(`${world.gateway.origin}/v1/audio/transcriptions`, {
      method: 'POST',
      headers: { authorization: `Bearer ${key}` },
      body,
    })

  test('that is none, or too large', async () => {
    expect((await send(rich.key, '{"model":"m"}')).status).toBe(400)
    expect((await send(rich.key, 'x'.repeat(TOO_LARGE))).status).toBe(413)
  })

  test('for a model that is not there, without money, with a key for sealed requests', async () => {
    expect(await codeOf(await send(rich.key, formOf('none')))).toBe('model_not_found')
    expect((await send(poor.key, formOf(MODEL))).status).toBe(402)
    const made = await call({ method: 'post', path: '/v1/keys' }, rich.key, '{"sealed_only":true}')
    expect((await send((await made.json()).key, formOf(MODEL))).status).toBe(403)
  })
})

describe('what is not there', () => {
  test.each([
    ['get', '/v1/keys/none', 405],
    ['patch', '/v1/keys/none', 404],
    ['get', '/v1/responses/resp_1', 404],
    ['delete', '/v1/responses/resp_1', 404],
    ['post', '/v1/responses/input_tokens', 501],
    ['post', '/v1/messages/batches', 501],
    ['post', '/v1/audio/translations', 501],
    ['get', '/v1/generation', 400],
    ['get', '/v1/generation?id=none', 404],
    ['get', '/v1/account/usage?from=2026-01-01', 400],
    ['get', '/v1/account/usage?before=none', 400],
    ['get', '/v1/hosts/none', 400],
    ['get', '/v1/aci/sessions/none', 404],
    ['get', '/v1/aci/sessions/none/collateral', 404],
    ['get', '/v1/runners/run_none', 404],
    ['get', '/runners/run_none/v1/aci/attestation', 404],
    ['get', '/runners/run_none/.well-known/hpke-keys', 404],
    ['post', '/admin/runners/run_none/admit', 404],
    ['delete', '/admin/models/none', 404],
  ])('%s %s', async (method, path, status) => {
    const key = path.startsWith('/admin/') ? ADMIN_KEY : rich.key
    const response = await call({ method, path }, key, method === 'patch' ? '{}' : undefined)
    expect(response.status).toBe(status)
    expect(response.headers.get('x-should-retry')).toBe('false')
  })

  test('a session’s collateral is there for whoever verifies offline', async () => {
    const path = '/v1/aci/sessions'
    const { sessions } = await (await call({ method: 'get', path }, undefined)).json()
    const one = await call(
      { method: 'get', path: `${path}/${sessions[0].session_id}/collateral` },
      undefined,
    )
    expect(one.status).toBe(200)
  })
})
