import { beforeAll, beforeEach } from 'vitest'
import type { Connection } from '../connect.ts'
import type { ClientError } from '../errors.ts'
import { GATEWAY, makeWorld, type TestWorld } from './lying-gateway.ts'
import { MODEL, makeRunner } from './test-runner.ts'

export const URL_CHAT = `${GATEWAY}/v1/chat/completions`
export const MARK = 'a-very-secret-prompt'

let world: TestWorld

/** One world for a file's tests; each starts at a gateway that does not lie, with a runner of its own. */
export function useWorld(): { readonly world: TestWorld } {
  beforeAll(async () => {
    world = await makeWorld({ runners: 1 })
  })

  beforeEach(async () => {
    world.lies = {}
    world.ahead = 0
    world.version = 5
    world.sent.length = 0
    // A guard of replays and a keyset of its own for each test.
    const { forge, clock } = world
    world.runners.splice(0, world.runners.length, await makeRunner({ forge, clock, id: 'run_0' }))
  })

  return {
    get world() {
      return world
    },
  }
}

export const runner = () => {
  const [first] = world.runners
  if (first === undefined) throw new Error('the world has no runner')
  return first
}

export function ask(cocoon: Connection, more: object = {}): Promise<Response> {
  const body = { model: MODEL, messages: [{ role: 'user', content: MARK }], ...more }
  return cocoon.fetch(URL_CHAT, { method: 'POST', body: JSON.stringify(body) })
}

/** The code under which a call is refused, whether it throws or answers. */
export async function codeOf(work: Promise<Response | Connection | string>): Promise<string> {
  try {
    const result = await work
    if (!(result instanceof Response)) return 'no error'
    const text = await result.text()
    return result.ok ? 'no error' : String(JSON.parse(text).error.code)
  } catch (error) {
    // Sound: read as optional members only.
    return (error as Partial<ClientError>).code ?? String(error)
  }
}
