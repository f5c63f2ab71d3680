/** Ends with the signal, also when that came before anybody waited for it. */
export function untilStopped(stopped: AbortSignal): Promise<void> {
  if (stopped.aborted) return Promise.resolve()
  return new Promise((done) => stopped.addEventListener('abort', () => done(), { once: true }))
}
