import type { UnixMs } from '#base/brand.ts'
import { type Nano, nano, ZERO_NANO } from '#base/nano.ts'
import { columnNumber } from '../db/columns.ts'
import type { Store } from '../db/db.ts'
import type { TonAddress } from '../db/ids.ts'
import { CLEARING, FEES, host, type Post } from './journal.ts'

/** What a settlement or a collected debit means for the host. */
export interface HostEntry {
  /** Names the cause once and for all, so that a repeat can be told. */
  readonly key: string
  readonly payee: TonAddress
  /** Share of a settlement. */
  readonly earned: Nano
  /** The operator's part of the same settlement. */
  readonly commission: Nano
  /** Shares whose debits the Till has collected since (H1). */
  readonly collected: Nano
  readonly at: UnixMs
}

/**
 * The other party of a settlement. In one file it is written in the same transaction; across stores an outbox
 * row is, and the clearing account holds the money meanwhile.
 */
export interface HostSide {
  add(entry: HostEntry): void
  /** Writes what `add` gathered; called before anything reads it and at the end of each transaction. */
  flush(): void
  /** Forgets what `add` gathered: the transaction was undone. */
  reset(): void
}

interface Sum {
  earned: bigint
  commission: bigint
  collected: bigint
  at: UnixMs
}

/** The host's side in the same store: one movement per payee and transaction, whatever the number of requests. */
export function localHostSide(store: Store, post: Post): HostSide {
  const credit = prepareHostCredit(store, post)
  const sums = new Map<TonAddress, Sum>()
  return {
    add(entry) {
      const sum = sums.get(entry.payee)
      if (sum === undefined) {
        sums.set(entry.payee, {
          earned: entry.earned,
          commission: entry.commission,
          collected: entry.collected,
          at: entry.at,
        })
        return
      }
      sum.earned += entry.earned
      sum.commission += entry.commission
      sum.collected += entry.collected
      sum.at = entry.at
    },
    flush() {
      // In one order everywhere, so that two writers of one database never wait for each other.
      for (const payee of [...sums.keys()].sort()) {
        const sum = sums.get(payee)
        if (sum === undefined) continue
        credit({
          payee,
          earned: nano(sum.earned),
          commission: nano(sum.commission),
          collected: nano(sum.collected),
          at: sum.at,
        })
      }
      sums.clear()
    },
    reset: () => sums.clear(),
  }
}

/** The host's side in another store: entries wait in the outbox until that store has acknowledged them. */
export function outboxHostSide(store: Store): HostSide {
  const insert = store.prepare(
    `INSERT INTO host_outbox (key, payee, earned, commission, collected, at) VALUES (?, ?, ?, ?, ?, ?)`,
  )
  return {
    add(entry) {
      insert.run(
        entry.key,
        entry.payee,
        columnNumber(entry.earned),
        columnNumber(entry.commission),
        columnNumber(entry.collected),
        entry.at,
      )
    },
    flush() {},
    reset() {},
  }
}

/** Moves a host's shares out of clearing and keeps its totals. */
export function prepareHostCredit(
  store: Store,
  post: Post,
): (entry: Omit<HostEntry, 'key'>) => void {
  const upsert = store.prepare(
    `INSERT INTO hosts (payee, earned, collected, vouchered, redeemed) VALUES (?, ?, ?, 0, 0)
     ON CONFLICT (payee) DO UPDATE SET
       earned = hosts.earned + excluded.earned, collected = hosts.collected + excluded.collected`,
  )
  return ({ payee, earned, commission, collected, at }) => {
    if (earned === ZERO_NANO && commission === ZERO_NANO && collected === ZERO_NANO) return
    upsert.run(payee, columnNumber(earned), columnNumber(collected))
    post({ kind: 'share', source: CLEARING, target: host(payee), amount: earned, at })
    post({ kind: 'commission', source: CLEARING, target: FEES, amount: commission, at })
  }
}
