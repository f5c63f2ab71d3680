import { type Nano, parseNano } from '#base/nano.ts'

/** What this device holds of a sovereign account: a key that signs and cannot be read out, and what it has signed. */
export interface SpendRecord {
  readonly account: string
  readonly key: CryptoKey
  /** Decimal nanoTON of the last cheque that was taken. */
  readonly signed: string
  /** Decimal nanoTON that verified receipts and its owner's word add up to: what the next cheque will be over. */
  readonly owed: string
}

const DATABASE = 'cocoon'
const STORE = 'spend-keys'

export async function findSpendKey(account: string): Promise<SpendRecord | undefined> {
  return withStore('readonly', (store) => store.get(account))
}

export async function saveSpendKey(record: SpendRecord): Promise<void> {
  await withStore('readwrite', (store) => store.put(record, record.account))
}

export function amountsOf({ signed, owed }: SpendRecord): {
  readonly signed: Nano
  readonly owed: Nano
} {
  return { signed: parseNano(signed), owed: parseNano(owed) }
}

async function withStore<Result>(
  mode: IDBTransactionMode,
  use: (store: IDBObjectStore) => IDBRequest<Result>,
): Promise<Result> {
  const database = await opened()
  try {
    return await done(use(database.transaction(STORE, mode).objectStore(STORE)))
  } finally {
    database.close()
  }
}

function opened(): Promise<IDBDatabase> {
  const opening = indexedDB.open(DATABASE, 1)
  opening.onupgradeneeded = () => opening.result.createObjectStore(STORE)
  return done(opening)
}

function done<Result>(request: IDBRequest<Result>): Promise<Result> {
  return new Promise((resolve, reject) => {
    request.onsuccess = () => resolve(request.result)
    request.onerror = () => reject(new Error('This browser keeps no keys for this site.'))
  })
}
