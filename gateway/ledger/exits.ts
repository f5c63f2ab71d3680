import { count, eq } from 'drizzle-orm'
import { toSeconds, type UnixMs } from '#base/brand.ts'
import type { Store } from '../db/db.ts'
import type { AccountId, TonAddress } from '../db/ids.ts'
import { accounts, exits } from '../db/schema.ts'
import type { Books } from './books.ts'
import type {
  CancelExit,
  CancelExitResult,
  CloseExit,
  Ok,
  OrderExit,
  OrderExitResult,
  OrderedExit,
  ReadExit,
  ReadExitResult,
  SignFinal,
  SignFinalResult,
} from './port.ts'

/** Orders of an account that the gateway carries to the Till in a day: an order and its cancellation cost their owner nothing. */
export const MAX_ORDERS = 3
const ORDERS_S = 86_400

const TAKE_TURN = `INSERT INTO used_nonces (account, nonce, expires) VALUES (?, ?, ?)
  ON CONFLICT (account, nonce) DO UPDATE SET expires = excluded.expires WHERE used_nonces.expires <= ?`

/** @see OrderExit */
export function prepareOrderExit({ store }: Books): (op: OrderExit) => OrderExitResult {
  const takeTurn = store.prepare(TAKE_TURN)
  const hasTurn = (account: AccountId, at: UnixMs): boolean => {
    const now = toSeconds(at)
    return Array.from({ length: MAX_ORDERS }, (_, turn) => `exit ${turn}`).some((turn) =>
      takeTurn.run(account, turn, now + ORDERS_S, now),
    )
  }
  return ({ account, till, order, nonce, at }) => {
    const known = store.db.select().from(accounts).where(eq(accounts.id, account)).get()
    if (known === undefined) return { ok: false, code: 'unknown_account' }
    const row = findExit(store, account)
    const destination = order?.to ?? null
    if (row !== undefined) {
      const isSame = row.destination === destination && row.nonce === nonce
      return isSame ? { ok: true } : { ok: false, code: 'exit_ordered' }
    }
    // Whoever ordered on chain has paid for it.
    if (order !== null && !hasTurn(account, at)) return { ok: false, code: 'too_often' }
    const signature = order?.signature ?? null
    store.db.insert(exits).values({ account, till, destination, nonce, signature, at }).run()
    return { ok: true }
  }
}

/** @see CancelExit */
export function prepareCancelExit({ store }: Books): (op: CancelExit) => CancelExitResult {
  return ({ account, nonce, signature }) => {
    if (findExit(store, account) === undefined) return { ok: false, code: 'no_exit' }
    store.db
      .update(exits)
      .set({ cancel_nonce: nonce, cancel_signature: signature })
      .where(eq(exits.account, account))
      .run()
    return { ok: true }
  }
}

/** @see ReadExit */
export function prepareReadExit({ store }: Books): (op: ReadExit) => ReadExitResult {
  return ({ account }) => {
    const row = findExit(store, account)
    return { ok: true, exit: row === undefined ? null : orderedExit(row) }
  }
}

/** @see SignFinal */
export function prepareSignFinal({ store }: Books): (op: SignFinal) => SignFinalResult {
  return ({ account, nonce, debit, signature }) => {
    if (findExit(store, account) === undefined) return { ok: false, code: 'no_exit' }
    const row = store.db.select().from(accounts).where(eq(accounts.id, account)).get()
    if (row === undefined || row.held > 0n || row.settled > debit) {
      return { ok: false, code: 'unsettled' }
    }
    store.db
      .update(exits)
      .set({ fast_nonce: nonce, fast_debit: debit, fast_signature: signature })
      .where(eq(exits.account, account))
      .run()
    return { ok: true }
  }
}

/** @see CloseExit */
export function prepareCloseExit({ store }: Books): (op: CloseExit) => Ok {
  return ({ account }) => {
    store.db.delete(exits).where(eq(exits.account, account)).run()
    return { ok: true }
  }
}

function findExit({ db }: Store, account: AccountId) {
  return db.select().from(exits).where(eq(exits.account, account)).get()
}

/** Exits of one round. */
const MAX_EXITS = 50

/**
 * What owners have ordered at a Till, for the cashier: from a place by chance on and around, so that those which wait for long
 * keep no others from their turn.
 */
export function orderedExits(
  { db }: Store,
  till: TonAddress,
  chance: () => number,
): readonly OrderedExit[] {
  const ofTill = eq(exits.till, till)
  const [{ orders } = { orders: 0 }] = db
    .select({ orders: count() })
    .from(exits)
    .where(ofTill)
    .all()
  const from = (first: number, most: number) =>
    db.select().from(exits).where(ofTill).orderBy(exits.account).limit(most).offset(first).all()
  const first = Math.floor(chance() * orders)
  const rows = from(first, MAX_EXITS)
  return [...rows, ...from(0, Math.min(first, MAX_EXITS - rows.length))].map(orderedExit)
}

/** A row as the port shows it. */
function orderedExit(row: typeof exits.$inferSelect): OrderedExit {
  const { account, till, destination, nonce, signature, at } = row
  const { cancel_nonce, cancel_signature, fast_nonce, fast_debit, fast_signature } = row
  const isCancelled = cancel_nonce !== null && cancel_signature !== null
  const isFinal = fast_nonce !== null && fast_debit !== null && fast_signature !== null
  return {
    account,
    till,
    to: destination,
    nonce,
    signature,
    cancel: isCancelled ? { nonce: cancel_nonce, signature: cancel_signature } : null,
    final: isFinal ? { nonce: fast_nonce, debit: fast_debit, signature: fast_signature } : null,
    at,
  }
}
