import { ApiError } from '../errors.ts'
import type { ChainEvent, ListWaitingResult } from '../ledger/port.ts'

/** A transaction of the Till as the watcher read it: lt and hash find it on the chain. */
export function eventView(event: ChainEvent) {
  return {
    kind: event.kind,
    account: event.account,
    value: event.value.toString(),
    sender: event.sender,
    reason: event.reason,
    lt: event.lt.toString(),
    hash: event.hash,
    at: event.time,
  }
}

/** A deposit that was seen on chain and is not credited yet. */
export function waitingView({ value, lt, hash, time, waitsFor }: Waiting) {
  return { value: value.toString(), lt: lt.toString(), hash, at: time, waits_for: waitsFor }
}

type Waiting = ListWaitingResult['deposits'][number]

/** @throws ApiError */
export function readLt(text: string | undefined): bigint | null {
  if (text === undefined) return null
  if (/^[1-9][0-9]{0,19}$/.test(text)) return BigInt(text)
  throw new ApiError('invalid_request', 'before must be the lt of an earlier page', {
    param: 'before',
  })
}
