import { type Description, responseFor, routesOf } from './description.ts'

/**
 * Promises that no quick test can call in, each with its reason. An entry that a test does exercise is itself
 * reported, so that the list only shrinks.
 */
const OUT_OF_REACH: Readonly<Record<string, string>> = {
  'code wallet_waiting':
    'needs two wallets proven on chain; gateway/runners/require-payee.test.ts shows when it is thrown',
  'get /v1/runners/tunnel 101':
    'a runner asks for it in its own process; tests/flows/tunnel.test.ts serves requests over one',
}

/** What of the description no test has exercised: statuses of routes, shared answers, and error codes. */
export function unexercised(description: Description, seen: ReadonlySet<string>): string[] {
  const promised = promisesOf(description)
  const missing = promised.filter((name) => !seen.has(name) && !Object.hasOwn(OUT_OF_REACH, name))
  const stale = Object.keys(OUT_OF_REACH).filter(
    (name) => seen.has(name) || !promised.includes(name),
  )
  return [...missing, ...stale.map((name) => `${name} (no longer out of reach: see coverage.ts)`)]
}

function promisesOf(description: Description): string[] {
  const names = routesOf(description).flatMap((route) =>
    Object.keys(route.operation.responses)
      .filter((status) => status !== 'default')
      .map((status) => {
        const shared = responseFor(description, route, Number(status))?.shared
        return shared === undefined ? `${route.name} ${status}` : `shared ${shared}`
      }),
  )
  return [...new Set([...names, ...codesOf(description).map((code) => `code ${code}`)])].sort()
}

/** Every code that an error may have: each response's own schema lists them. */
function codesOf({ components }: Description): string[] {
  return Object.entries(components.schemas)
    .flatMap(([name, schema]) =>
      name.endsWith('Code') ? (schema as CodeSchema).properties.error.properties.code.enum : [],
    )
    .filter((code) => code !== null)
}

/** Sound: tests/openapi.test.ts holds every such schema to this form. */
interface CodeSchema {
  readonly properties: {
    readonly error: {
      readonly properties: { readonly code: { readonly enum: readonly (string | null)[] } }
    }
  }
}
