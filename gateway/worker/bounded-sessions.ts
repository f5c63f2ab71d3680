import { ApiError } from '../errors.ts'
import type { RunnerStore } from '../runners/runner-store.ts'

/** A row of a Durable Object has at most 2 MB; the rest is for numbers and names. Evidence and collateral are ASCII. */
const MAX_SESSION_CHARS = 1_900_000

/**
 * Refuses a session that does not fit before anything is written. Eight GPUs' evidence, which is kept as it came and in the
 * document, takes about 350 KB with its collateral.
 */
export function boundedSessions(store: RunnerStore): RunnerStore {
  return {
    ...store,
    register(entry) {
      const { document, evidence, collateral } = entry.session
      const chars = document.length + evidence.length + collateral.length
      if (chars > MAX_SESSION_CHARS) {
        throw new ApiError(
          'request_too_large',
          `The evidence and its collateral take ${chars} characters of ${MAX_SESSION_CHARS} here: register at a gateway on Node`,
        )
      }
      return store.register(entry)
    },
  }
}
