import { afterAll, beforeAll } from 'vitest'
import { startTestRunner, type TestRunner } from '../../testing/test-runner.ts'
import { MODEL, startTestWorld, type TestWorld } from '../../testing/world.ts'

let world: TestWorld
let runner: TestRunner

/** A gateway with one runner, for the tests of the file that calls this. */
export function useGateway(): { readonly world: TestWorld; readonly runner: TestRunner } {
  beforeAll(async () => {
    world = await startTestWorld()
    runner = await startTestRunner(world)
  })
  afterAll(async () => {
    await runner?.close()
    await world?.close()
  })
  return {
    get world() {
      return world
    },
    get runner() {
      return runner
    },
  }
}

interface Call {
  readonly key?: string | undefined
  readonly body?: unknown
  readonly headers?: Readonly<Record<string, string>>
}

export function call(method: string, path: string, { key, body, headers }: Call = {}) {
  return fetch(world.gateway.origin + path, {
    method,
    headers: { ...(key === undefined ? {} : { authorization: `Bearer ${key}` }), ...headers },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  })
}

// biome-ignore lint/suspicious/noExplicitAny: tests read arbitrary members of answers
export async function json(response: Promise<Response>): Promise<any> {
  return (await response).json()
}

export const CHAT = { model: MODEL, messages: [], max_tokens: 100 }
/** What `CHAT` may cost at most, and what it costs. */
export const COST = 23n

export const chat = (
  key: string,
  headers: Readonly<Record<string, string>> = {},
  body: object = CHAT,
) => call('POST', '/v1/chat/completions', { key, body, headers })

export async function codeOf(response: Promise<Response>): Promise<[number, string]> {
  const answer = await response
  const { error } = await answer.json()
  return [answer.status, error.code]
}

export async function withKey(wish: object, funds = 1_000_000_000n) {
  const account = await world.account(funds)
  const made = await json(call('POST', '/v1/keys', { key: account.key, body: wish }))
  return { account, id: made.id as string, key: made.key as string, made }
}
