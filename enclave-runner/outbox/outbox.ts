import type { Nano } from '#base/nano.ts'
import { openJournal } from './journal.ts'
import type { Credit, Entry, Line, Refused, SignedVoucher } from './ledger.ts'
import { createOutboxLedger, formatLine, parseLine } from './ledger.ts'
import { OutboxError } from './outbox-error.ts'

/** Receipts on their way to their gateways, kept in a file until each is acknowledged. */
export interface Outbox {
  /**
   * Keeps a receipt. When this returns it survives a kill of this process.
   * @throws OutboxError `full`, `closed`
   */
  put(entry: Entry): void
  /** The oldest receipts for a gateway, at most `limit`. */
  pending(gateway: string, limit: number): readonly Entry[]
  readonly pendingCount: number
  /** Gateways that something waits for. */
  gateways(): ReadonlySet<string>
  /** @param host the host's share that the gateway states, when it does */
  settled(gateway: string, receiptId: string, host: Nano | undefined): void
  refused(refused: Refused): void
  readonly refusals: readonly Refused[]
  /** Keeps a verified voucher, the highest of each meter key: what the host redeems by itself if the gateway is gone. */
  vouched(gateway: string, cumulative: Nano, signed?: SignedVoucher): void
  credit(gateway: string): Credit
  /** Calls `listener` after each `put`. */
  onPut(listener: (gateway: string) => void): void
  close(): Promise<void>
}

/** At most this many receipts wait; then the runner stops serving rather than work unpaid. */
const MAX_PENDING = 100_000
const REWRITE_BYTES = 16 * 1024 * 1024
/** A rewrite pays off when it drops most of the file. */
const REWRITE_LINES_PER_PENDING = 4

/** Opens the outbox at `path`. @throws OutboxError `corrupt` */
export function openOutbox(path: string): Outbox {
  const { journal, lines } = openJournal(path)
  const ledger = createOutboxLedger()
  for (const [index, text] of lines.entries()) ledger.apply(readLine(text, index))
  let lineCount = lines.length
  const listeners: ((gateway: string) => void)[] = []

  const record = (line: Line): void => {
    journal.append([formatLine(line)])
    ledger.apply(line)
    lineCount++
    const isSparse = lineCount > REWRITE_LINES_PER_PENDING * ledger.pending.size
    if (journal.size > REWRITE_BYTES && isSparse) compact()
  }

  function compact(): void {
    const snapshot = ledger.snapshot()
    try {
      journal.rewrite(snapshot.map(formatLine))
      lineCount = snapshot.length
    } catch {
      // What was recorded is safe in the longer file: the next line tries again.
    }
  }

  return {
    put(entry) {
      if (ledger.pending.size >= MAX_PENDING) throw new OutboxError('full', 'the outbox is full')
      record({ kind: 'put', entry })
      for (const listener of listeners) listener(entry.gateway)
    },
    pending: (gateway, limit) => firstOf(ledger.pending.values(), gateway, limit),
    get pendingCount() {
      return ledger.pending.size
    },
    gateways: () => new Set(Array.from(ledger.pending.values(), (entry) => entry.gateway)),
    settled: (gateway, receiptId, host) => record({ kind: 'settled', gateway, receiptId, host }),
    refused: (refused) => record({ kind: 'refused', refused }),
    get refusals() {
      return ledger.refused
    },
    vouched(gateway, cumulative, signed) {
      const line = { kind: 'voucher', gateway, cumulative, signed } as const
      if (ledger.isNews(line)) record(line)
    },
    credit: (gateway) => ledger.credit(gateway),
    onPut: (listener) => void listeners.push(listener),
    close: () => journal.close(),
  }
}

function readLine(text: string, index: number): Line {
  try {
    return parseLine(text)
  } catch (cause) {
    throw new OutboxError('corrupt', `line ${index + 1} of the outbox is not readable`, { cause })
  }
}

function firstOf(entries: Iterable<Entry>, gateway: string, limit: number): readonly Entry[] {
  const found: Entry[] = []
  for (const entry of entries) {
    if (entry.gateway === gateway) found.push(entry)
    if (found.length >= limit) break
  }
  return found
}
