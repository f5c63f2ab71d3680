import type { Random } from '#base/brand.ts'
import { fromUtf8 } from '#base/bytes.ts'
import { readBounded } from '#base/read-bounded.ts'
import { parseReceiptBatchAnswer } from '#protocol'
import { backOffMs } from '../back-off.ts'
import type { Log, Wait } from '../runtime.ts'
import type { Entry } from './ledger.ts'
import type { Outbox } from './outbox.ts'

export interface DeliveryDeps {
  readonly outbox: Outbox
  readonly fetch: typeof fetch
  readonly random: Random
  readonly wait: Wait
  readonly log: Log
}

export interface Delivery {
  /** Ends after the attempt in progress. */
  close(): Promise<void>
}

const MAX_BATCH = 256
/** Receipts gather this long, since the gateway also reads them at the end of most answers. */
const GATHER_MS = 200
const ANSWER_TIMEOUT_MS = 30_000
const MAX_ANSWER_BYTES = 4 * 1024 * 1024

/**
 * Posts waiting receipts to their gateways, each gateway in its own loop, until it acknowledges them:
 * at least once, in batches, with back-off while a gateway does not answer.
 */
export function startDelivery(deps: DeliveryDeps): Delivery {
  const stop = new AbortController()
  const running = new Map<string, Promise<void>>()
  const ensure = (gateway: string): void => {
    if (running.has(gateway) || stop.signal.aborted) return
    const loop = deliverAll(deps, gateway, stop.signal).finally(() => {
      running.delete(gateway)
      // A receipt may have come between the last look and this line.
      if (deps.outbox.pending(gateway, 1).length > 0) ensure(gateway)
    })
    running.set(gateway, loop)
  }
  deps.outbox.onPut(ensure)
  for (const gateway of deps.outbox.gateways()) ensure(gateway)
  return {
    async close() {
      stop.abort()
      await Promise.allSettled(running.values())
    },
  }
}

async function deliverAll(deps: DeliveryDeps, gateway: string, stop: AbortSignal): Promise<void> {
  let failures = 0
  while (!stop.aborted) {
    await deps.wait(failures === 0 ? GATHER_MS : backOffMs(failures, deps.random), stop)
    const batch = sameRunner(deps.outbox.pending(gateway, MAX_BATCH))
    if (stop.aborted || batch.length === 0) return
    try {
      const acknowledged = await deliverBatch(deps, gateway, batch, stop)
      failures = acknowledged === 0 ? failures + 1 : 0
    } catch (error) {
      failures++
      const code = error instanceof Error ? error.name : 'unknown'
      deps.log('warn', 'receipts not delivered', { gateway, count: batch.length, failures, code })
    }
  }
}

/** A batch names one runner: the leading receipts that were earned under the same id. */
function sameRunner(entries: readonly Entry[]): readonly Entry[] {
  const end = entries.findIndex((entry) => entry.runner !== entries[0]?.runner)
  return end === -1 ? entries : entries.slice(0, end)
}

/** Posts one batch and applies the outcomes. @returns how many receipts were acknowledged */
async function deliverBatch(
  { outbox, fetch, log }: DeliveryDeps,
  gateway: string,
  batch: readonly Entry[],
  stop: AbortSignal,
): Promise<number> {
  const response = await fetch(`${gateway}/v1/receipts`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({
      runner: batch[0]?.runner,
      receipts: batch.map(({ receipt, ref }) => ({ receipt, ref })),
    }),
    redirect: 'error',
    signal: AbortSignal.any([stop, AbortSignal.timeout(ANSWER_TIMEOUT_MS)]),
  })
  const bytes = await readBounded(response, MAX_ANSWER_BYTES)
  if (!response.ok) throw new Error(`status ${response.status}`)
  if (bytes === undefined) throw new RangeError('the answer is too long')
  const { results } = parseReceiptBatchAnswer(JSON.parse(fromUtf8(bytes)), 'answer')
  const waiting = new Set(batch.map((entry) => entry.receiptId))
  let acknowledged = 0
  for (const result of results) {
    if (!waiting.delete(result.receipt_id)) continue
    acknowledged++
    if (result.status === 'refused') {
      log('warn', 'receipt refused', { gateway, receipt: result.receipt_id })
      outbox.refused({
        gateway,
        receiptId: result.receipt_id,
        answer: { refusal: result.refusal ?? null, signature: result.signature ?? null },
      })
    } else {
      outbox.settled(gateway, result.receipt_id, result.host)
    }
  }
  return acknowledged
}
