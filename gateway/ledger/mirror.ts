import { and, eq, gt, lte, sql } from 'drizzle-orm'
import { type Nano, nano, ZERO_NANO } from '#base/nano.ts'
import { accounts, settlementAccounts, settlements, terms } from '../db/schema.ts'
import { type Books, least } from './books.ts'
import { acct, CHAIN, LOSSES } from './journal.ts'
import { prepareOpenAccount } from './open-account.ts'
import type { MirrorAccount, MirrorAccountResult } from './port.ts'
import { prepareRepayDebt } from './repay-debt.ts'

type Account = typeof accounts.$inferSelect

/**
 * Takes over what the Till says of an account. Every counter only grows, so that the same observation twice, or an
 * older one after a newer one, changes nothing: a deposit cannot be credited twice.
 */
export function prepareMirrorAccount(books: Books): (op: MirrorAccount) => MirrorAccountResult {
  const open = prepareOpenAccount(books)
  const repay = prepareRepayDebt(books)
  return (op) => {
    // 1. Money may come before its owner: the id alone decides whose it is.
    open({ op: 'open_account', account: op.account, mode: op.mode, keys: null, at: op.at })
    const row = books.store.db.select().from(accounts).where(eq(accounts.id, op.account)).get()
    if (row === undefined) throw new RangeError('the account was just opened')
    // 2. Deposits, exits and collected usage, each by what is new.
    const credited = grown(op.credit, row.credited)
    const paid = grown(op.paidOut, row.paid_out)
    const collected = grown(op.debit, row.collected)
    const newest = op.seqno >= row.seqno
    if (credited + paid + collected > ZERO_NANO || newest) {
      writeAccount(books, op, row, { credited, paid, collected, newest })
    }
    collectShares(books, op, row, nano(row.collected + collected))
    // 3. A new deposit first repays what an exit took out too much.
    return { ok: true, credited, collected, available: repay(op.account, op.at) }
  }
}

function grown(now: Nano, before: Nano): Nano {
  return now > before ? nano(now - before) : ZERO_NANO
}

interface Growth {
  readonly credited: Nano
  readonly paid: Nano
  readonly collected: Nano
  readonly newest: boolean
}

function writeAccount(books: Books, op: MirrorAccount, row: Account, growth: Growth): void {
  const { credited, paid, collected, newest } = growth
  const spendable = nano(row.available + credited)
  const fromAvailable = least(spendable, paid)
  const shortfall = nano(paid - fromAvailable)
  const chain = newest
    ? {
        exit_at: op.exitAt,
        cap_left: op.cap?.left ?? null,
        cap_daily: op.cap?.daily ?? null,
        cap_resets: op.cap?.resets ?? null,
        seqno: op.seqno,
      }
    : {}
  books.store.db
    .update(accounts)
    .set({
      available: nano(spendable - fromAvailable),
      credited: nano(row.credited + credited),
      paid_out: nano(row.paid_out + paid),
      collected: nano(row.collected + collected),
      debt: nano(row.debt + shortfall),
      ...chain,
    })
    .where(eq(accounts.id, op.account))
    .run()
  const { at } = op
  const own = acct(op.account)
  books.post({ kind: 'deposit', source: CHAIN, target: own, amount: credited, at })
  books.post({ kind: 'withdrawal', source: own, target: CHAIN, amount: fromAvailable, at })
  books.post({ kind: 'shortfall', source: LOSSES, target: CHAIN, amount: shortfall, at })
}

/** Hosts may be vouchered for a settlement once the account's debit on chain reaches its end (H1). */
function collectShares(books: Books, op: MirrorAccount, before: Account, until: Nano): void {
  if (until === before.collected) return
  books.tail.index()
  const shares = books.store.db
    .select({ payee: terms.payee, sum: sql<string>`CAST(SUM(cost - commission) AS TEXT)` })
    .from(settlementAccounts)
    .innerJoin(settlements, eq(settlements.id, settlementAccounts.settlement))
    .innerJoin(terms, eq(terms.id, settlements.terms))
    .where(
      and(
        eq(settlementAccounts.account, before.no),
        gt(settlementAccounts.cumulative, before.collected),
        lte(settlementAccounts.cumulative, until),
      ),
    )
    .groupBy(terms.payee)
    .all()
  for (const { payee, sum } of shares) {
    books.hosts.add({
      key: `collected:${op.account}:${until}:${payee}`,
      payee,
      earned: ZERO_NANO,
      commission: ZERO_NANO,
      collected: nano(BigInt(sum)),
      at: op.at,
    })
  }
}
