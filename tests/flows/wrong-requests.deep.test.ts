import { afterAll, beforeAll, expect, test } from 'vitest'
import type { World } from '#dev/world/world.ts'
import { openWorld, WORLD_START_MS } from '../support/open-world.ts'

/** The whole way to a real model, and every member of every request set to what it cannot be. */
let world: World

beforeAll(async () => {
  world = await openWorld()
}, WORLD_START_MS)
afterAll(() => world?.stop())

const AT_ONCE = 16

const deep = JSON.parse(`${'{"a":['.repeat(200)}1${']}'.repeat(200)}`)
const WRONG: readonly unknown[] = [
  ...[null, true, 0, -1, 1.5, 1e99, '', 'x', '\u0000\ud800', [], [null], [1], ['x'], [[]]],
  ...[{}, { type: 'x' }, [{}], [{ type: 'function' }], [{ role: 'user', content: 5 }], deep],
]

const messages = [{ role: 'user', content: 'hi' }]
/** Members that all of them share, and others that each has. */
const SHARED = ['model', 'models', 'stream', 'provider', 'prompt_cache_key', 'user', 'metadata']
const SAMPLING = ['temperature', 'top_p', 'max_tokens', 'n', 'stop', 'seed', 'logprobs', 'top_k']
const TOOLS = ['tools', 'tool_choice', 'parallel_tool_calls']
const ENDPOINTS: readonly (readonly [path: string, good: object, members: readonly string[]])[] = [
  [
    '/v1/chat/completions',
    { messages, max_tokens: 2 },
    [
      ...['messages', 'max_completion_tokens', 'stream_options', 'top_logprobs', 'usage'],
      ...['response_format', 'logit_bias', 'reasoning', 'functions', 'best_of', 'prompt', 'input'],
      ...TOOLS,
      ...SAMPLING,
    ],
  ],
  ['/v1/completions', { prompt: 'hi', max_tokens: 2 }, ['prompt', 'best_of', 'echo', ...SAMPLING]],
  ['/v1/embeddings', { input: 'hi' }, ['input', 'encoding_format', 'dimensions']],
  [
    '/v1/responses',
    { input: 'hi', max_output_tokens: 2 },
    [
      ...['input', 'instructions', 'max_output_tokens', 'text', 'reasoning', 'include', 'store'],
      ...['truncation', 'background', 'conversation', 'top_logprobs', 'prompt', 'temperature'],
      ...TOOLS,
    ],
  ],
  [
    '/v1/messages',
    { messages, max_tokens: 2 },
    [
      ...['messages', 'system', 'max_tokens', 'thinking', 'stop_sequences', 'output_config'],
      ...['mcp_servers', 'container', 'temperature', 'top_k'],
      ...TOOLS,
    ],
  ],
  ['/v1/messages/count_tokens', { messages }, ['messages', 'system', 'tools']],
]

interface Told {
  readonly status: number
  readonly text: string
}

async function ask(path: string, body: object): Promise<Told> {
  const { webUrl, apiKey } = world.info
  const response = await fetch(webUrl + path, {
    method: 'POST',
    headers: { authorization: `Bearer ${apiKey}` },
    body: JSON.stringify(body),
  })
  return { status: response.status, text: await response.text() }
}

/** What nobody could mend their request by; undefined when there is nothing to complain of. */
function complaint({ status, text }: Told): string | undefined {
  if (status >= 500) return `${status} ${text.slice(0, 200)}`
  if (status < 400) return text === '' ? 'nothing' : undefined
  const { error } = JSON.parse(text)
  const isTold = typeof error.message === 'string' && error.message.length > 10
  return isTold && typeof error.type === 'string' ? undefined : `${status} ${text.slice(0, 200)}`
}

test.each(ENDPOINTS)(
  'whatever a member of %s is, the answer is one, or says what to mend',
  async (path, good, members) => {
    const bodies = [...SHARED, ...members].flatMap((name) =>
      WRONG.map((value) => ({
        name,
        value,
        body: { model: world.info.models[0], ...good, [name]: value },
      })),
    )
    const complaints: unknown[] = []
    const next = bodies.values()
    const work = async (): Promise<void> => {
      for (const { name, value, body } of next) {
        const found = complaint(await ask(path, body))
        if (found !== undefined) complaints.push([name, JSON.stringify(value).slice(0, 60), found])
      }
    }
    await Promise.all(Array.from({ length: AT_ONCE }, work))
    expect(complaints).toEqual([])
  },
)
