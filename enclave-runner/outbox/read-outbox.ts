import { readFileSync } from 'node:fs'
import type { Json } from '#base/jcs.ts'
import type { Nano } from '#base/nano.ts'
import { isObject } from '../engine/fields.ts'
import { createOutboxLedger, outstanding, parseLine, type SignedVoucher } from './ledger.ts'

/** What the outbox of a running or stopped runner says of one gateway. */
export interface OutboxView {
  /** Receipts that wait for it. */
  readonly waiting: number
  /** What it owes: earned, less its vouchers. */
  readonly owed: Nano
  /** Refused receipts by the reason that it signed, or `unsigned`. */
  readonly refused: ReadonlyMap<string, number>
  /** What can be redeemed by itself, the newest last. */
  readonly vouchers: readonly SignedVoucher[]
}

/** Reads the file without touching it: its runner may be writing. A torn last line does not count. */
export function readOutbox(path: string, gateway: string): OutboxView {
  const text = readFileSync(path, 'utf8')
  const ledger = createOutboxLedger()
  const lines = text.slice(0, text.lastIndexOf('\n') + 1).split('\n')
  for (const line of lines) if (line !== '') ledger.apply(parseLine(line))
  const refused = new Map<string, number>()
  for (const item of ledger.refused) {
    if (item.gateway !== gateway) continue
    const reason = reasonOf(item.answer)
    refused.set(reason, (refused.get(reason) ?? 0) + 1)
  }
  const waiting = [...ledger.pending.values()].filter((entry) => entry.gateway === gateway)
  const [owed, vouchers] = [outstanding(ledger.credit(gateway)), ledger.vouchers(gateway)]
  return { waiting: waiting.length, owed, refused, vouchers }
}

function reasonOf(answer: Json): string {
  const refusal = isObject(answer) ? answer['refusal'] : undefined
  const reason = isObject(refusal) ? refusal['reason'] : undefined
  return typeof reason === 'string' ? reason : 'unsigned'
}
