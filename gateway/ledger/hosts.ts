import { eq } from 'drizzle-orm'
import { type Nano, nano, ZERO_NANO } from '#base/nano.ts'
import { columnNumber } from '../db/columns.ts'
import type { TonAddress } from '../db/ids.ts'
import { hosts } from '../db/schema.ts'
import type { Books } from './books.ts'
import { CHAIN, host } from './journal.ts'
import type {
  HostState,
  MirrorHost,
  MirrorHostResult,
  ReadHost,
  ReadHostResult,
  RecordVoucher,
  RecordVoucherResult,
} from './port.ts'

/** A payee that nobody earned for yet has zeros. */
function readHostState(books: Books, payee: TonAddress): HostState {
  books.hosts.flush()
  const row = books.store.db.select().from(hosts).where(eq(hosts.payee, payee)).get()
  return {
    payee,
    earned: row?.earned ?? ZERO_NANO,
    collected: row?.collected ?? ZERO_NANO,
    vouchered: row?.vouchered ?? ZERO_NANO,
    redeemed: row?.redeemed ?? ZERO_NANO,
  }
}

export function prepareReadHost(books: Books): (op: ReadHost) => ReadHostResult {
  return ({ payee }) => ({ ok: true, host: readHostState(books, payee) })
}

const INSERT = `INSERT INTO vouchers (till, payee, cumulative, signature, at) VALUES (?, ?, ?, ?, ?)
  ON CONFLICT (till, payee, cumulative) DO UPDATE SET signature = excluded.signature, at = excluded.at`

/** One that is known is replaced by a later key's. @see RecordVoucher */
export function prepareRecordVoucher(books: Books): (op: RecordVoucher) => RecordVoucherResult {
  const { db } = books.store
  const insert = books.store.prepare(INSERT)
  return ({ till, payee, cumulative, signature, at }) => {
    const state = readHostState(books, payee)
    if (cumulative > state.collected) return { ok: false, code: 'above_collected' }
    insert.run(till, payee, columnNumber(cumulative), signature, at)
    if (cumulative > state.vouchered) {
      db.update(hosts).set({ vouchered: cumulative }).where(eq(hosts.payee, payee)).run()
    }
    return { ok: true }
  }
}

/** @see MirrorHost */
export function prepareMirrorHost(books: Books): (op: MirrorHost) => MirrorHostResult {
  const { db } = books.store
  return ({ payee, redeemed, at }) => {
    const before = readHostState(books, payee).redeemed
    const paid: Nano = redeemed > before ? nano(redeemed - before) : ZERO_NANO
    if (paid > ZERO_NANO) {
      const zeros = { earned: ZERO_NANO, collected: ZERO_NANO, vouchered: ZERO_NANO }
      db.insert(hosts)
        .values({ payee, ...zeros, redeemed })
        .onConflictDoUpdate({ target: hosts.payee, set: { redeemed } })
        .run()
      books.post({ kind: 'payout', source: host(payee), target: CHAIN, amount: paid, at })
    }
    return { ok: true, redeemed: paid }
  }
}
