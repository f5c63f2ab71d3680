import { and, desc, eq, gt, isNotNull, or, sql } from 'drizzle-orm'
import type { UnixSeconds } from '#base/brand.ts'
import { MAX_COLUMN_NANO, type Nano, nano } from '#base/nano.ts'
import type { Store } from '../db/db.ts'
import type { AccountId, TonAddress } from '../db/ids.ts'
import { accounts, hosts, vouchers } from '../db/schema.ts'
import { type AccountDue, type ChequeDue, type HostDue, least } from './cashier.ts'

/**
 * Whether the account has money that the Till has not collected. Without it nothing is: an exit took out what was owed, and a
 * charge of it would cost gas round after round.
 */
const HAS_MONEY = sql`credited - paid_out > collected`

/** Rows of each kind that one round looks at, the most urgent first; the others' turn comes. */
export const MAX_ROWS = 1_000

export function readAccountsDue({ db }: Store, now: UnixSeconds): AccountDue[] {
  const rows = db
    .select()
    .from(accounts)
    .where(and(eq(accounts.mode, 'managed'), gt(accounts.settled, accounts.collected), HAS_MONEY))
    .orderBy(sql`exit_at IS NULL`, desc(sql`settled - collected`))
    .limit(MAX_ROWS)
    .all()
  return rows.map((row) => ({
    id: row.id,
    settled: least(row.settled, nano(row.credited - row.paid_out)),
    collected: row.collected,
    capLeft: capLeft(row, now),
    exitAt: row.exit_at,
  }))
}

function capLeft(row: typeof accounts.$inferSelect, now: UnixSeconds): Nano {
  if (row.cap_left === null) return MAX_COLUMN_NANO
  const isOver = row.cap_resets !== null && row.cap_resets <= now
  return (isOver ? row.cap_daily : row.cap_left) ?? row.cap_left
}

export function readChequesDue({ db }: Store): ChequeDue[] {
  return db
    .select()
    .from(accounts)
    .where(
      and(
        eq(accounts.mode, 'sovereign'),
        gt(accounts.cheque, accounts.collected),
        HAS_MONEY,
        isNotNull(accounts.cheque_signature),
        isNotNull(accounts.keys),
      ),
    )
    .orderBy(sql`exit_at IS NULL`, desc(sql`settled - collected`))
    .limit(MAX_ROWS)
    .all()
    .map(({ id, settled, collected, cheque, exit_at: exitAt }) => {
      return { id, settled, collected, cheque, exitAt }
    })
}

interface StoredCheque {
  readonly cumulative: Nano
  /** What it was signed with; null: nobody noted it. */
  readonly feeBps: number | null
  readonly signature: string
  readonly keys: string
}

/** A sovereign account's latest cheque and the Keys that the Till asks for with it. */
export function readCheque({ db }: Store, account: AccountId): StoredCheque | undefined {
  const row = db.select().from(accounts).where(eq(accounts.id, account)).get()
  if (!row?.cheque_signature || !row.keys) return undefined
  return {
    cumulative: row.cheque,
    feeBps: row.cheque_fee_bps,
    signature: row.cheque_signature,
    keys: row.keys,
  }
}

/** Hosts with something to sign or to redeem. */
export function readHostsDue({ db }: Store): HostDue[] {
  return db
    .select()
    .from(hosts)
    .where(or(gt(hosts.collected, hosts.vouchered), gt(hosts.vouchered, hosts.redeemed)))
    .orderBy(desc(sql`collected - redeemed`))
    .limit(MAX_ROWS)
    .all()
}

export interface StoredVoucher {
  readonly till: TonAddress
  readonly payee: TonAddress
  readonly cumulative: Nano
  /** Lower-case hex. */
  readonly signature: string
}

export function readVoucher(
  { db }: Store,
  till: TonAddress,
  payee: TonAddress,
): StoredVoucher | undefined {
  return db
    .select({
      till: vouchers.till,
      payee: vouchers.payee,
      cumulative: vouchers.cumulative,
      signature: vouchers.signature,
    })
    .from(vouchers)
    .where(and(eq(vouchers.till, till), eq(vouchers.payee, payee)))
    .orderBy(desc(vouchers.cumulative))
    .limit(1)
    .get()
}
