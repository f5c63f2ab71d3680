import type { HeaderReader } from '#protocol'
import { codeOf } from '../log.ts'
import type { LiveRunner } from '../runners/live-runner.ts'
import type { InferenceDeps } from './deps.ts'
import type { InferencePath } from './endpoints.ts'
import { claimOnce } from './once.ts'
import { formContent } from './read-recording-ask.ts'
import type { InferenceRequest } from './request.ts'

/** Serves it; with an idempotency key, not a second time (H21). */
export async function serveOnce(
  deps: InferenceDeps,
  key: ReturnType<HeaderReader>,
  { identity, id, path, body }: InferenceRequest,
  runner: LiveRunner | undefined,
  serve: () => Promise<string>,
): Promise<string> {
  if (key === undefined || key === null) return serve()
  // Sealed bodies of the same request are never equal.
  const named = {
    account: identity.account,
    id,
    path,
    body: runner === undefined ? contentOf(path, body) : undefined,
  }
  const claim = await claimOnce(deps, key, named)
  let outcome = 'refused'
  try {
    outcome = await serve()
    return outcome
  } finally {
    // A runner's own error has a receipt over nothing: the client may try again.
    const end = () => claim.end(outcome === 'failed_sealed')
    await end().catch((error: unknown) => {
      deps.log('warn', 'an idempotency key is not free yet', { request: id, code: codeOf(error) })
      deps.unwritten.add(end)
    })
  }
}

function contentOf(path: InferencePath, body: Uint8Array): readonly Uint8Array[] {
  return path === '/v1/audio/transcriptions' ? formContent(body) : [body]
}
