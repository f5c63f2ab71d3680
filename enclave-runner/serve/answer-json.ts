import { concat, utf8 } from '#base/bytes.ts'
import type { Json } from '#base/jcs.ts'
import { jsonFrameBeforeReceipt, jsonReceiptFrame } from '#protocol'
import type { Exchange, Outcome } from './exchange.ts'

/** Sends one sealed JSON object with its receipt as last member, in one write. */
export function answerJson(
  exchange: Exchange,
  status: number,
  body: { readonly [key: string]: Json },
  outcome: Outcome,
): void {
  const { sealer, response, headers } = exchange
  const first = sealer.seal(jsonFrameBeforeReceipt(utf8(JSON.stringify(body))))
  const receipt = exchange.issueReceipt(outcome)
  const wire = concat(first, sealer.seal(jsonReceiptFrame(receipt)), sealer.end())
  response.writeHead(status, {
    ...headers,
    'content-type': 'application/json',
    'content-length': String(wire.length),
    'cache-control': 'no-store',
    ...(status === 503 ? { 'retry-after': '1' } : {}),
  })
  response.end(wire)
}
