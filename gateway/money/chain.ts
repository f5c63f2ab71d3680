import type { Transaction, TupleItem, TupleReader } from '@ton/core'
import type { UnixSeconds } from '#base/brand.ts'
import type { Nano } from '#base/nano.ts'
import type { TonAddress } from '../db/ids.ts'

/** Names one transaction of an account. */
export interface TransactionId {
  readonly lt: bigint
  /** Lower-case hex. */
  readonly hash: string
}

export interface WalkedTransaction {
  readonly id: TransactionId
  /** Null for an account's first transaction. */
  readonly previous: TransactionId | null
  /** Base64, as received: its hash is `id.hash`. */
  readonly boc: string
  readonly transaction: Transaction
}

/** What a provider says of an account at a final block. */
export interface Head {
  readonly last: TransactionId | null
  readonly balance: Nano
  /** Whether code is deployed. */
  readonly active: boolean
  /** Masterchain seqno of the block. */
  readonly seqno: number
  /** The block's time. */
  readonly syncedAt: UnixSeconds
}

/**
 * One provider of chain state. What it returns was checked for shape, and transactions for their hashes; whether it tells the
 * truth is for the caller to judge.
 */
export interface Chain {
  /** @throws MoneyError */
  head(address: TonAddress): Promise<Head>
  /** Newest first, beginning with `anchor`; each is the previous of the one before it. @throws MoneyError */
  transactions(
    address: TonAddress,
    anchor: TransactionId,
    limit: number,
  ): Promise<readonly WalkedTransaction[]>
  /** `seqno`: the block it ran on, when the provider says so. @throws MoneyError */
  runGet(
    address: TonAddress,
    method: string,
    args: readonly TupleItem[],
  ): Promise<{ readonly stack: TupleReader; readonly seqno: number | null }>
  /** Hands an external message over; whether it was executed, only the chain says. @throws MoneyError */
  send(boc: string): Promise<void>
}
