import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { Validator } from '@seriousme/openapi-schema-validator'
import { describe, expect, test } from 'vitest'
import { parse } from 'yaml'
import { createApp } from '#gateway/app.ts'
import type { AppDeps } from '#gateway/deps.ts'
import { errorCodes } from '#gateway/errors.ts'
import { ENDPOINTS } from '#gateway/inference/endpoints.ts'
import { createChecker } from './support/openapi/check-exchange.ts'
import { unexercised } from './support/openapi/coverage.ts'
import { readDescription } from './support/openapi/description.ts'
import type { Exchange } from './support/openapi/observe.ts'

const METHODS = ['get', 'post', 'patch', 'put', 'delete']

interface Operation {
  readonly responses?: Readonly<Record<string, unknown>>
  readonly summary?: string
  readonly operationId?: string
}

// Sound: the assertions below fail on anything else.
const description = parse(
  readFileSync(join(import.meta.dirname, '..', 'openapi.yaml'), 'utf8'),
) as {
  paths: Record<string, Record<string, Operation>>
  components: Record<string, Record<string, unknown>>
}

function described(): string[] {
  return Object.entries(description.paths).flatMap(([path, item]) =>
    METHODS.filter((method) => method in item).map((method) => `${method} ${path}`),
  )
}

/** Routes of the app, in the description's notation. */
function routed(): string[] {
  const app = createApp(inertDeps())
  return app.routes
    .filter(({ method, handler }) => METHODS.includes(method.toLowerCase()) && handler.length < 2)
    .map(
      ({ method, path }) =>
        `${method.toLowerCase()} ${path.replace(/:(\w+)(?:\{[^}]*\})?/g, '{$1}')}`,
    )
}

/** Routes are declared without looking at any dependency: a proxy that answers itself is enough to list them. */
function inertDeps(): AppDeps {
  const inert: unknown = new Proxy(() => inert, {
    get: (_target, name) => (name === 'then' ? undefined : inert),
  })
  // Sound: no handler is called.
  return inert as AppDeps
}

/** Served by the listener in front of the app, or on Workers beside it. */
const LISTENER = [
  ...Object.keys(ENDPOINTS).map((path) => `post ${path}`),
  'post /runners/{id}/v1/{endpoint}',
  'get /runners/{id}/v1/aci/attestation',
  'get /runners/{id}/.well-known/hpke-keys',
  'get /v1/runners/tunnel',
  'get /admin/moving/schema',
  'post /admin/moving/export',
  'post /admin/moving/import',
  'post /admin/moving/end',
]

/** The codes that a named response's schema allows. */
function listedCodes(response: string): readonly (string | null)[] {
  // Sound: undefined members end in an empty list.
  const schema = description.components['schemas']?.[`${response}Code`] as
    | { properties: { error: { properties: { code: { enum: (string | null)[] } } } } }
    | undefined
  return schema?.properties.error.properties.code.enum ?? []
}

/** Statuses under which operations refer to a named response. */
function usedFor(response: string): ReadonlySet<string> {
  const own = UNROUTED[response]
  const used = Object.values(description.paths).flatMap((item) =>
    METHODS.flatMap((method) =>
      Object.entries(item[method]?.responses ?? {})
        .filter(([, told]) => JSON.stringify(told).includes(`/responses/${response}"`))
        .map(([status]) => status),
    ),
  )
  return new Set(own === undefined ? used : [...used, own])
}

/** Answers of addresses that no operation has. */
const UNROUTED: Readonly<Record<string, string>> = {
  MethodNotAllowed: '405',
  NotImplemented: '501',
}

describe('openapi.yaml', () => {
  test('is valid OpenAPI 3.1', async () => {
    const validator = new Validator()
    const { errors } = await validator.validate(join(import.meta.dirname, '..', 'openapi.yaml'))
    expect(errors).toBeUndefined()
    expect(validator.version).toBe('3.1')
  })

  test('every operation has a name of its own', () => {
    const names = Object.values(description.paths).flatMap((item) =>
      METHODS.flatMap((method) => item[method]?.operationId ?? []),
    )
    expect(names).toHaveLength(described().length)
    expect(new Set(names).size).toBe(names.length)
  })

  test('lists every error code of the gateway, under its status', () => {
    const missing = [...errorCodes()].filter(([code, status]) => {
      const name = Object.keys(description.components['responses'] ?? {}).find((response) =>
        listedCodes(response).includes(code === 'not_found' ? null : code),
      )
      return name === undefined || !usedFor(name).has(String(status))
    })
    expect(missing).toEqual([])
  })

  test('describes every route, and no other', () => {
    expect([...new Set(described())].sort()).toEqual(
      [...new Set([...routed(), ...LISTENER])].sort(),
    )
  })

  test('every operation has a summary and a success', () => {
    const incomplete = Object.entries(description.paths).flatMap(([path, item]) =>
      METHODS.flatMap((method) => {
        const operation = item[method]
        if (operation === undefined) return []
        // An upgrade succeeds by 101.
        const succeeds = Object.keys(operation.responses ?? {}).some((status) =>
          /^(?:2..|101)$/.test(status),
        )
        return succeeds && operation.summary ? [] : [`${method} ${path}`]
      }),
    )
    expect(incomplete).toEqual([])
  })

  test('every operation says how a fault of the gateway is told', () => {
    const silent = Object.entries(description.paths).flatMap(([path, item]) =>
      METHODS.filter((method) => method in item && !('500' in (item[method]?.responses ?? {}))).map(
        (method) => `${method} ${path}`,
      ),
    )
    // Neither reads anything that could fail.
    expect(silent).toEqual(['get /health', 'get /openapi.yaml'])
  })

  test('every reference leads somewhere', () => {
    const references = [
      ...JSON.stringify(description).matchAll(/"\$ref":"#\/components\/([^/"]+)\/([^"]+)"/g),
    ]
    const dangling = references.filter(
      ([, kind = '', name = '']) => !(name in (description.components[kind] ?? {})),
    )
    expect(references.length).toBeGreaterThan(50)
    expect(dangling.map(([whole]) => whole)).toEqual([])
  })
})

describe('the recorder', () => {
  const check = createChecker(readDescription())
  const key = {
    id: 'key_1',
    object: 'api_key',
    name: '',
    masked: 'sk',
    role: 'admin',
    sealed_only: false,
    models: null,
    allowed_origins: null,
    max_price: { input: null, output: '5' },
    requests_per_minute: null,
    tokens_per_minute: null,
    concurrency: null,
    budget: null,
    previous_until: null,
  }
  const times = { expires_at: null, revoked_at: null, created_at: 1 }
  const answer = (status: number, body: unknown, more: Partial<Exchange> = {}): Exchange => ({
    origin: 'http://gateway',
    method: 'DELETE',
    path: '/v1/keys/key_1',
    status,
    headers: new Map([
      ['content-type', 'application/json; charset=utf-8'],
      ['x-request-id', 'req_1'],
    ]),
    body: Buffer.from(typeof body === 'string' ? body : JSON.stringify(body)),
    complete: true,
    ...more,
  })

  test('finds nothing in an answer as described, with and without /v1', () => {
    for (const path of ['/v1/keys/key_1', '/keys/key_1', '/v1/keys/key_1/']) {
      const found = check(answer(200, { ...key, ...times }, { path }))
      expect(found).toEqual({ exercised: ['delete /v1/keys/{id} 200'], problems: [] })
    }
  })

  test.each([
    ['a member that is missing', answer(200, key), /required property 'expires_at'/],
    ['a member too many', answer(200, { ...key, ...times, secret: 1 }), /additional properties/],
    ['a status that is not listed', answer(418, {}), /does not list this status/],
    ['a route that is not there', answer(200, {}, { path: '/v1/none' }), /no such route/],
    ['a body that is not JSON', answer(200, '<html>'), /not JSON/],
    [
      'another content type',
      answer(200, {}, { headers: new Map([['content-type', 'text/html']]) }),
      /text\/html is not listed/,
    ],
    [
      'an error code that is not listed',
      answer(404, { error: { message: '', type: 'server_error', param: null, code: 'strange' } }),
      /allowed values/,
    ],
  ])('finds %s', (_, exchange, problem) => {
    expect(check(exchange).problems.join()).toMatch(problem)
  })

  test('finds an event that is not as described in the middle of a stream', () => {
    const headers = new Map([
      ['content-type', 'text/event-stream; charset=utf-8'],
      ...Object.keys(description.components['headers'] ?? {}).map((name) => [name, '1'] as const),
    ])
    const stream = (object: string, before = ': hello\n\n') =>
      check(
        answer(
          200,
          `${before}data: ${JSON.stringify({ id: '1', object, created: 1, model: 'm', choices: [] })}\n\ndata: [DONE]\n\n`,
          { method: 'POST', path: '/v1/chat/completions', headers },
        ),
      ).problems
    expect(stream('chat.completion.chunk')).toEqual([])
    expect(stream('chat.completion')).not.toEqual([])
    expect(stream('chat.completion.chunk', 'event: ping\n\n')).toEqual([
      'POST /v1/chat/completions 200: an event has no data',
    ])
  })

  test('names what nobody exercised', () => {
    const missing = unexercised(readDescription(), new Set(['get /v1/key 200']))
    expect(missing).toContain('get /v1/keys 200')
    expect(missing).toContain('code invalid_api_key')
    expect(missing).not.toContain('get /v1/key 200')
  })
})
