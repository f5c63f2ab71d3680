import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { parse } from 'yaml'
import { createApp } from '#gateway/app.ts'
import type { AppDeps } from '#gateway/deps.ts'
import { ENDPOINTS } from '#gateway/inference/endpoints.ts'

const METHODS = ['get', 'post', 'patch', 'put', 'delete']

interface Operation {
  readonly responses?: Readonly<Record<string, unknown>>
  readonly summary?: string
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

/** Served by the listener in front of the app. */
const LISTENER = [
  ...Object.keys(ENDPOINTS).map((path) => `post ${path}`),
  'post /runners/{id}/v1/{endpoint}',
  'get /runners/{id}/v1/aci/attestation',
  'get /runners/{id}/.well-known/hpke-keys',
]

describe('openapi.yaml', () => {
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
        const succeeds = Object.keys(operation.responses ?? {}).some((status) =>
          status.startsWith('2'),
        )
        return succeeds && operation.summary ? [] : [`${method} ${path}`]
      }),
    )
    expect(incomplete).toEqual([])
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
