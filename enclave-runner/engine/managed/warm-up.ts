import type { Engine } from '../engine.ts'
import { EngineError } from '../engine-error.ts'

const WARM_UP_MS = 300_000

/** One token through the whole engine: what compiles or allocates at the first request does so before a caller waits. */
export async function warmUp(engine: Engine): Promise<void> {
  // One that only transcribes or embeds has no such token.
  if (!engine.endpoints.has('/v1/chat/completions')) return
  const body = { messages: [{ role: 'user', content: 'hi' }], max_tokens: 1 }
  const signal = AbortSignal.timeout(WARM_UP_MS)
  const request = { endpoint: '/v1/chat/completions', body, stream: false, signal } as const
  for await (const event of engine.run(request)) if (event.kind === 'done') return
  throw new EngineError('engine_timeout', 'the engine produced nothing')
}
