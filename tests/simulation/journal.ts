import type { SqliteStore } from '#gateway/node/open-sqlite.ts'

const CLEARING = 'clearing'

/** Sums of the ledger's double entries by account, followed row by row: its tables are only ever appended to. */
export class Journal {
  #store: SqliteStore | undefined
  #sums = new Map<string, bigint>()
  #read: (() => void) | undefined

  /** Zero for an account without postings. */
  sum(account: string): bigint {
    return this.#sums.get(account) ?? 0n
  }

  /** Reads what is new; from the start after a crash, which may have undone rows. */
  follow(store: SqliteStore): void {
    if (store !== this.#store) {
      this.#store = store
      this.#sums = new Map()
      this.#read = this.#open(store)
    }
    this.#read?.()
  }

  #open(store: SqliteStore): () => void {
    const tables = [
      store.prepare('SELECT id, source, target, amount FROM transfers WHERE id > ? ORDER BY id'),
      store.prepare(
        `SELECT s.id, 'acct:' || a.id, '${CLEARING}', s.cost
         FROM settlements s LEFT JOIN accounts a ON a.no = s.account WHERE s.id > ? ORDER BY s.id`,
      ),
    ].map((rows) => ({ rows, last: 0 }))
    return () => {
      for (const table of tables) {
        for (const [id, source, target, amount] of table.rows.all(table.last)) {
          table.last = Number(id)
          this.#add(String(source), -BigInt(amount ?? 0))
          this.#add(String(target), BigInt(amount ?? 0))
        }
      }
    }
  }

  #add(account: string, amount: bigint): void {
    this.#sums.set(account, this.sum(account) + amount)
  }
}
