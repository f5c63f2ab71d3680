import type { ShardAccount, Transaction } from '@ton/core'

/** A transaction as the chain keeps it: small enough to hold a hundred thousand of them. */
export interface StoredTransaction {
  readonly account: string
  readonly seqno: number
  readonly lt: bigint
  readonly hash: Buffer
  readonly transaction: Transaction
}

export interface Block {
  readonly seqno: number
  /** Unix seconds. */
  readonly time: number
  readonly transactions: readonly StoredTransaction[]
}

interface AccountState {
  readonly seqno: number
  readonly account: ShardAccount
}

/** How many past states an account keeps: the deepest lag that a provider can show. */
const MAX_STATES_PER_ACCOUNT = 256

/**
 * What happened, by block: one shard, one masterchain block for each. A reader names the newest block it may
 * see, so that lagging and stale providers answer from one consistent past.
 */
export class History {
  readonly #blocks: Block[]
  readonly #transactions: Map<string, StoredTransaction[]>
  readonly #states: Map<string, AccountState[]>

  private constructor(
    blocks: Block[],
    transactions: Map<string, StoredTransaction[]>,
    states: Map<string, AccountState[]>,
  ) {
    this.#blocks = blocks
    this.#transactions = transactions
    this.#states = states
  }

  static start(time: number): History {
    return new History([{ seqno: 0, time, transactions: [] }], new Map(), new Map())
  }

  /** A copy that shares the past and goes its own way from here. */
  copy(): History {
    const lists = <T>(map: Map<string, T[]>) =>
      new Map([...map].map(([key, list]) => [key, [...list]]))
    return new History([...this.#blocks], lists(this.#transactions), lists(this.#states))
  }

  get seqno(): number {
    return this.#blocks.length - 1
  }

  block(seqno: number): Block | undefined {
    return this.#blocks[seqno]
  }

  append(
    time: number,
    executed: readonly { account: string; transaction: Transaction; hash: Buffer }[],
    states: ReadonlyMap<string, ShardAccount>,
  ): Block {
    const seqno = this.#blocks.length
    const transactions = executed.map((item) => ({ ...item, seqno, lt: item.transaction.lt }))
    for (const stored of transactions) listOf(this.#transactions, stored.account).push(stored)
    for (const [key, account] of states) {
      const list = listOf(this.#states, key)
      list.push({ seqno, account })
      if (list.length > MAX_STATES_PER_ACCOUNT) list.shift()
    }
    const block = { seqno, time, transactions }
    this.#blocks.push(block)
    return block
  }

  /** An account's transactions up to block `top`, oldest first. */
  transactionsOf(account: string, top: number): readonly StoredTransaction[] {
    const all = this.#transactions.get(account) ?? []
    let end = all.length
    while (end > 0 && (all[end - 1]?.seqno ?? 0) > top) end--
    return end === all.length ? all : all.slice(0, end)
  }

  /** An account's state after block `top`; undefined when it had none that is still kept. */
  stateOf(account: string, top: number): ShardAccount | undefined {
    return (this.#states.get(account) ?? []).findLast((state) => state.seqno <= top)?.account
  }
}

function listOf<T>(map: Map<string, T[]>, key: string): T[] {
  const known = map.get(key)
  if (known !== undefined) return known
  const fresh: T[] = []
  map.set(key, fresh)
  return fresh
}
