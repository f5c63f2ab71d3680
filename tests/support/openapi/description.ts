import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { parse } from 'yaml'

/** What `openapi.yaml` promises, as far as the recorder reads it. */
export interface Description {
  readonly paths: Readonly<Record<string, PathItem>>
  readonly components: {
    readonly schemas: Readonly<Record<string, object>>
    readonly responses: Readonly<Record<string, ResponseObject>>
  }
}

export type PathItem = { readonly [method in Method]?: Operation }

export interface Operation {
  readonly operationId: string
  readonly responses: Readonly<Record<string, ResponseObject | Reference>>
}

export interface ResponseObject {
  readonly content?: Readonly<Record<string, MediaType>>
  readonly headers?: Readonly<Record<string, { readonly required: boolean } | Reference>>
  /** One behaviour of the whole gateway: shown once, it is shown for every route that names it. */
  readonly 'x-shared'?: boolean
}

export interface MediaType {
  readonly schema?: object
  /** The schema of each `data:` payload of an event stream. */
  readonly 'x-event-schema'?: object
}

export interface Reference {
  readonly $ref: string
}

export const METHODS = ['get', 'post', 'patch', 'put', 'delete'] as const
export type Method = (typeof METHODS)[number]

const FILE = join(import.meta.dirname, '..', '..', '..', 'openapi.yaml')

/** The file that the gateway serves. */
export function readDescription(): Description {
  // Sound: tests/openapi.test.ts holds the file to OpenAPI's own schema.
  return parse(readFileSync(FILE, 'utf8')) as Description
}

/** An operation that the description names. */
export interface Route {
  /** `post /v1/keys/{id}` */
  readonly name: string
  readonly path: string
  readonly method: Method
  readonly operation: Operation
  readonly pattern: RegExp
}

/** Every operation, the most literal paths first, so that `/v1/runners/challenge` is no runner's id. */
export function routesOf(description: Description): readonly Route[] {
  return Object.entries(description.paths)
    .sort(([a], [b]) => a.split('{').length - b.split('{').length)
    .flatMap(([path, item]) =>
      METHODS.flatMap((method) => {
        const operation = item[method]
        if (operation === undefined) return []
        return [{ name: `${method} ${path}`, path, method, operation, pattern: patternOf(path) }]
      }),
    )
}

/** Model ids hold slashes; every other parameter is one part of the path. */
const WITH_SLASHES = /^(?:\/v1|\/admin)\/models\/\{id\}$|\{endpoint\}$/

function patternOf(path: string): RegExp {
  const part = WITH_SLASHES.test(path) ? '.+' : '[^/]+'
  const last = path.lastIndexOf('{')
  const source = path.replace(/\{\w+\}/g, (_, at: number) => (at === last ? part : '[^/]+'))
  return new RegExp(`^${source}$`)
}

export interface PromisedResponse {
  readonly response: ResponseObject
  /** The name of a shared response. */
  readonly shared: string | undefined
  /** Where it stands in the description. */
  readonly pointer: string
}

/** The response that an operation promises for a status, and the name of the shared one that it refers to. */
export function responseFor(
  { components }: Description,
  { operation, method, path }: Route,
  status: number | 'default',
): PromisedResponse | undefined {
  const { responses } = operation
  const key = String(status) in responses ? String(status) : 'default'
  const found = responses[key]
  if (found === undefined) return undefined
  if (!('$ref' in found)) {
    const pointer = `#/paths/${escaped(path)}/${method}/responses/${key}`
    return { response: found, shared: undefined, pointer }
  }
  const name = found.$ref.slice('#/components/responses/'.length)
  const response = components.responses[name]
  if (response === undefined) return undefined
  const shared = response['x-shared'] === true ? name : undefined
  return { response, shared, pointer: found.$ref }
}

/** RFC 6901, inside a URI fragment. */
export function escaped(name: string): string {
  return encodeURIComponent(name.replaceAll('~', '~0').replaceAll('/', '~1'))
}
