import type { MessagePort } from 'node:worker_threads'

/**
 * The other side of call-thread.ts: answers calls, and ends this thread once it is told to and the last one is answered. A call that
 * found its bridge closed would sleep until its patience ends.
 */
export function answerCalls<Call extends { readonly id: number }>(
  port: MessagePort | null,
  answer: (call: Call) => Promise<unknown>,
  end: () => Promise<void>,
): void {
  const underWay = new Set<Promise<void>>()
  async function tell(call: Call): Promise<void> {
    const { id } = call
    try {
      port?.postMessage({ id, ok: true, value: await answer(call) })
    } catch (error) {
      const message = error instanceof Error ? error.message : 'failed'
      port?.postMessage({ id, ok: false, message })
    }
  }
  port?.on('message', (call: Call | 'close') => {
    if (call === 'close') {
      void Promise.all(underWay)
        .then(end)
        .finally(() => port.close())
      return
    }
    const telling = tell(call).finally(() => underWay.delete(telling))
    underWay.add(telling)
  })
}
