import { expect } from 'vitest'
import { longHistory } from './long-history.ts'
import { openBooks, openWatcher, openWorld } from './money-world.ts'

export interface ScanFigures {
  readonly transactions: number
  /** Taken over for the first time, and read again by the nightly look. */
  readonly scanPerSecond: number
  readonly rescanPerSecond: number
  /** Most that the heap grew by, after a collection. */
  readonly heapMiB: number
}

const MIB = 2 ** 20
const ACCOUNTS = 500

/** A gateway that was down for as long as it takes to make so many transactions catches up, then looks at all of them again. */
export async function scanHistory(length: number): Promise<ScanFigures> {
  const world = await openWorld()
  const history = await longHistory(world, { length, accounts: ACCOUNTS })
  const books = openBooks()
  let most = 0
  const before = collected()
  const { transactions } = history.chain
  let pages = 0
  const chain: typeof history.chain = {
    ...history.chain,
    transactions: async (...args) => {
      if (++pages % 100 === 0) most = Math.max(most, collected() - before)
      return transactions(...args)
    },
  }
  try {
    const watcher = openWatcher(world, books, { chain })
    const began = performance.now()
    const { events } = await watcher.tick()
    const scanned = performance.now()
    expect(events.length).toBe(length)
    const report = await watcher.reconcile()
    const done = performance.now()
    expect(report).toMatchObject({ transactions: length, missed: 0, invented: 0, difference: 0n })
    expect(report.covered).toBe(true)
    for (let i = 0; i < ACCOUNTS; i++) {
      const account = history.accountAt(i)
      const [read] = await books.ledger.commit([{ op: 'read_account', account }])
      expect(read.ok && read.account.credited).toBe(history.creditOf(account))
    }
    return {
      transactions: length,
      scanPerSecond: (length / (scanned - began)) * 1_000,
      rescanPerSecond: (length / (done - scanned)) * 1_000,
      heapMiB: most / MIB,
    }
  } finally {
    history.close()
    books.close()
    await world.close()
  }
}

function collected(): number {
  globalThis.gc?.()
  return process.memoryUsage().heapUsed
}
