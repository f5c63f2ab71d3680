import { Ajv2020, type ValidateFunction } from 'ajv/dist/2020.js'
import { apiPath } from '#gateway/http/api-path.ts'
import {
  type Description,
  type MediaType,
  type PromisedResponse,
  type ResponseObject,
  type Route,
  responseFor,
  routesOf,
} from './description.ts'
import type { Exchange } from './observe.ts'

/** What one answer showed, and what is wrong with it. */
export interface Finding {
  /** Names of what the description promises and this answer exercised. */
  readonly exercised: readonly string[]
  readonly problems: readonly string[]
}

/** Answers to addresses that no route has. */
const UNROUTED: ReadonlyMap<number, string> = new Map([
  [404, 'NotFound'],
  [405, 'MethodNotAllowed'],
  [501, 'NotImplemented'],
])

export function createChecker(description: Description): (exchange: Exchange) => Finding {
  const routes = routesOf(description)
  const schemas = createSchemas(description)
  return (exchange) => {
    if (exchange.method === 'OPTIONS') return { exercised: [], problems: [] }
    const at = `${exchange.method} ${exchange.path} ${exchange.status}`
    const finding = check(description, routes, schemas, exchange)
    return { ...finding, problems: finding.problems.map((problem) => `${at}: ${problem}`) }
  }
}

function check(
  description: Description,
  routes: readonly Route[],
  schemas: Schemas,
  exchange: Exchange,
): Finding {
  const route = findRoute(routes, exchange)
  // Relayed from a runner as it came, and marked so: an answer that proves nothing, whatever it says.
  const isRelayed = exchange.headers.get('content-security-policy') === 'sandbox'
  const status = isRelayed && exchange.status !== 200 ? 'default' : exchange.status
  const listed = route && responseFor(description, route, status)
  const promised = listed ?? unrouted(description, exchange.status)
  if (promised === undefined) {
    const problem =
      route === undefined
        ? 'openapi.yaml has no such route'
        : `openapi.yaml does not list this status of ${route.name}`
    return { exercised: [], problems: [problem] }
  }
  const { problems, codes } = checkResponse(schemas, promised, exchange)
  const { shared } = promised
  const shown = shared === undefined ? `${route?.name} ${exchange.status}` : `shared ${shared}`
  return { exercised: [shown, ...codes], problems }
}

/** Also what a known path answers at an address that does not serve it, such as a runner's own origin. */
function unrouted({ components }: Description, status: number): PromisedResponse | undefined {
  const name = UNROUTED.get(status)
  const response = name === undefined ? undefined : components.responses[name]
  if (name === undefined || response === undefined) return undefined
  return { response, shared: name, pointer: `#/components/responses/${name}` }
}

const HPKE_KEYS = '/.well-known/hpke-keys'
/** Both the gateway's own and, at its origin, a runner's: that one is relayed, or was not reached. */
const ATTESTATION = '/v1/aci/attestation'

/** Base URLs come with and without `/v1`; a runner's own origin serves what lies under `/runners/{id}` here. */
function findRoute(routes: readonly Route[], { method, path, status, headers }: Exchange) {
  const bare = apiPath(path.split('?', 1)[0] ?? '')
  const isSealed = headers.has('ehbp-response-nonce') && !bare.startsWith('/runners/')
  const isRunners = headers.get('content-security-policy') === 'sandbox' || status === 502
  const isOwn = bare === HPKE_KEYS || (bare === ATTESTATION && isRunners)
  const full = isSealed || isOwn ? `/runners/any${bare}` : bare
  const wanted = method === 'HEAD' ? 'get' : method.toLowerCase()
  return routes.find((route) => route.method === wanted && route.pattern.test(full))
}

function checkResponse(
  schemas: Schemas,
  { response, pointer }: PromisedResponse,
  exchange: Exchange,
): { problems: readonly string[]; codes: readonly string[] } {
  const problems = missingHeaders(response, exchange)
  const { body, headers, method } = exchange
  if (response.content === undefined || method === 'HEAD') return { problems, codes: [] }
  // A sealed body is nobody's to read here.
  if (headers.has('ehbp-response-nonce')) return { problems, codes: [] }
  const type = headers.get('content-type')?.split(';', 1)[0] ?? ''
  const media = response.content[type]
  if (media === undefined) {
    return { problems: [...problems, `content-type ${type} is not listed`], codes: [] }
  }
  const at = `${pointer}/content/${encodeURIComponent(type.replaceAll('/', '~1'))}`
  if (type === 'text/event-stream') {
    const events = checkEvents(schemas, media, at, exchange)
    return { problems: [...problems, ...events.problems], codes: events.codes }
  }
  if (!type.endsWith('json') || media.schema === undefined || !exchange.complete) {
    return { problems, codes: [] }
  }
  const value = parsed(body.toString('utf8'))
  if (value === undefined) return { problems: [...problems, 'the body is not JSON'], codes: [] }
  problems.push(...schemas.problems(`${at}/schema`, value))
  return { problems, codes: codesOf(value) }
}

/** Every header that is listed is promised, but one that says `required: false` itself. */
function missingHeaders({ headers = {} }: ResponseObject, exchange: Exchange): string[] {
  return Object.entries(headers)
    .filter(([, header]) => !('required' in header) || header.required === true)
    .filter(([name]) => !exchange.headers.has(name))
    .map(([name]) => `the header ${name} is missing`)
}

/** Every whole event's payload. A stream that breaks off is checked as far as it came. */
function checkEvents(
  schemas: Schemas,
  media: MediaType,
  at: string,
  { body }: Exchange,
): { problems: readonly string[]; codes: readonly string[] } {
  if (media['x-event-schema'] === undefined) return { problems: [], codes: [] }
  const whole = body.toString('utf8').split(/\r?\n\r?\n/)
  const problems: string[] = []
  const codes: string[] = []
  for (const event of whole.slice(0, -1)) {
    const lines = event.split(/\r?\n/).filter((line) => line.startsWith('data:'))
    const data = lines.map((line) => line.slice(line.startsWith('data: ') ? 6 : 5)).join('\n')
    if (data === '[DONE]') continue
    if (data === '') {
      // Comments are all that may stand between events: SDKs throw at an event without data.
      if (event.split(/\r?\n/).some((line) => line !== '' && !line.startsWith(':'))) {
        problems.push('an event has no data')
      }
      continue
    }
    const value = parsed(data)
    if (value === undefined) problems.push('an event is not JSON')
    else {
      problems.push(...schemas.problems(`${at}/x-event-schema`, value))
      codes.push(...codesOf(value))
    }
  }
  return { problems, codes }
}

function codesOf(value: unknown): string[] {
  // Sound: only read as far as it has these members.
  const error = (value as { error?: { code?: unknown } | null } | null)?.error
  return typeof error?.code === 'string' ? [`code ${error.code}`] : []
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}

interface Schemas {
  /** What is wrong with a value by the schema at a pointer into the description. */
  problems(pointer: string, value: unknown): string[]
}

const MAX_PROBLEMS = 5
/** The description is one document to the validator; these are no keywords of its schemas. */
const DOCUMENT_MEMBERS = ['openapi', 'info', 'servers', 'security', 'tags', 'paths', 'components']

function createSchemas(description: Description): Schemas {
  const ajv = new Ajv2020({
    allErrors: true,
    strict: true,
    strictRequired: false,
    strictTypes: false,
    allowUnionTypes: true,
  })
  ajv.addVocabulary([...DOCUMENT_MEMBERS, 'x-event-schema'])
  ajv.addFormat('binary', true)
  ajv.addSchema(description, 'openapi.yaml', undefined, false)
  const compiled = new Map<string, ValidateFunction>()
  const at = (pointer: string): ValidateFunction => {
    const known = compiled.get(pointer)
    if (known !== undefined) return known
    const made = ajv.compile({ $ref: `openapi.yaml${pointer}` })
    compiled.set(pointer, made)
    return made
  }
  return {
    problems(pointer, value) {
      const validate = at(pointer)
      if (validate(value)) return []
      return (validate.errors ?? []).slice(0, MAX_PROBLEMS).map((error) => {
        const extra = Object.values(error.params).join(', ')
        return `${error.instancePath || '/'} ${error.message} (${extra})`
      })
    },
  }
}
