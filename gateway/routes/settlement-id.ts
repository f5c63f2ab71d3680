import { requestId } from '../db/ids.ts'
import type { FindSettlement } from '../ledger/port.ts'

const RECEIPT = /^(req_[0-9a-f]{32})(?:\.([1-9][0-9]{0,2}))?$/
const ANSWER = /^[A-Za-z0-9._:-]{1,128}$/

/** What an id that clients have names: a receipt's, or the answer's own. Undefined: neither. */
export function readSettlementId(
  account: FindSettlement['account'],
  text: string,
): FindSettlement | undefined {
  const [, request, attempt = '1'] = RECEIPT.exec(text) ?? []
  const op = { op: 'find_settlement', account } as const
  if (request !== undefined) {
    return { ...op, request: requestId(request), attempt: Number(attempt) }
  }
  return ANSWER.test(text) ? { ...op, answer: text } : undefined
}
