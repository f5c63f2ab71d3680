import { setTimeout as wait } from 'node:timers/promises'
import type { JsonRpcOptions } from '../money/json-rpc.ts'

/**
 * Calls to providers that end when this gateway leaves: what is under way fails, and what would be tried again waits no more. A
 * message may have left all the same, as after a time-out.
 */
export function untilLeaving(
  fetch: JsonRpcOptions['fetch'],
  leaving: AbortSignal,
): Pick<JsonRpcOptions, 'fetch' | 'wait'> {
  return {
    fetch: (input, init) => {
      const own = init?.signal ?? undefined
      const signal = own === undefined ? leaving : AbortSignal.any([own, leaving])
      return fetch(input, { ...init, signal })
    },
    wait: (ms) => wait(ms, undefined, { signal: leaving }).catch(() => undefined),
  }
}
