import { type SQL, sql } from 'drizzle-orm'
import { type Nano, nano } from '#base/nano.ts'
import type { Db } from '../db/db.ts'
import type { Books } from './books.ts'
import { CLEARING, FEES } from './journal.ts'
import { SENT } from './outbox.ts'
import type { AuditResult } from './port.ts'

/** At most this many broken ids are named; one is reason enough to stop. */
const MAX_NAMED = 100

/**
 * What must hold in every state. Each query names the rows that break its rule; sums come as text, because
 * 64-bit sums do not survive a double.
 */
const RULES: readonly { readonly rule: string; readonly breaks: SQL }[] = [
  {
    rule: 'postings sum to zero',
    breaks: sql`SELECT 'journal' AS id WHERE (SELECT COALESCE(SUM(amount), 0) FROM postings) <> 0`,
  },
  {
    rule: 'available and held follow from the postings',
    breaks: sql`SELECT a.id FROM accounts a
      LEFT JOIN (SELECT account, SUM(amount) AS sum FROM postings GROUP BY account) p
        ON p.account = 'acct:' || a.id
      WHERE a.available + a.held <> COALESCE(p.sum, 0)`,
  },
  {
    rule: 'no posting without an account',
    breaks: sql`SELECT DISTINCT account AS id FROM postings
      WHERE account LIKE 'acct:%' AND substr(account, 6) NOT IN (SELECT id FROM accounts)`,
  },
  {
    rule: 'held is the sum of open holds',
    breaks: sql`SELECT a.id FROM accounts a
      LEFT JOIN (SELECT account, SUM(amount) AS sum FROM holds WHERE state = 'open' GROUP BY account) h
        ON h.account = a.no
      WHERE a.held <> COALESCE(h.sum, 0)`,
  },
  {
    rule: 'settled is the sum of settlements, each at its place',
    breaks: sql`SELECT a.id FROM accounts a
      LEFT JOIN (SELECT account, SUM(cost) AS sum, MAX(cumulative) AS last FROM settlements GROUP BY account) s
        ON s.account = a.no
      WHERE a.settled <> COALESCE(s.sum, 0) OR a.settled <> COALESCE(s.last, 0)`,
  },
  {
    rule: 'one settlement per attempt',
    breaks: sql`SELECT request AS id FROM settlements GROUP BY request, attempt HAVING COUNT(*) > 1`,
  },
  {
    rule: 'the indexes know every settlement',
    breaks: sql`SELECT s.request AS id FROM settlements s
      LEFT JOIN settlement_attempts i ON i.request = s.request AND i.attempt = s.attempt AND i.settlement = s.id
      LEFT JOIN settlement_accounts j
        ON j.account = s.account AND j.cumulative = s.cumulative AND j.settlement = s.id
      WHERE i.settlement IS NULL OR j.settlement IS NULL`,
  },
  {
    rule: 'hosts earned the shares of all settlements',
    breaks: sql`SELECT 'shares' AS id WHERE
      (SELECT COALESCE(SUM(amount), 0) FROM transfers WHERE kind IN ('share', 'commission') AND source = 'clearing')
      + (SELECT COALESCE(SUM(earned + commission), 0) FROM host_outbox)
      <> (SELECT COALESCE(SUM(cost), 0) FROM settlements)
        + (SELECT COALESCE(SUM(amount), 0) FROM transfers WHERE source = 'sent')`,
  },
  {
    rule: 'usage by day is what was settled',
    breaks: sql`SELECT a.id FROM accounts a
      LEFT JOIN (SELECT account, SUM(cost) AS sum FROM usage_days GROUP BY account) u ON u.account = a.no
      WHERE a.settled <> COALESCE(u.sum, 0)`,
  },
  {
    rule: 'a budget counts what its key holds and spent',
    breaks: sql`SELECT b.key AS id FROM key_budgets b
      LEFT JOIN (SELECT key, SUM(amount) AS sum FROM holds WHERE state = 'open' GROUP BY key) h ON h.key = b.key
      LEFT JOIN (SELECT key, SUM(cost) AS sum FROM usage_days GROUP BY key) u ON u.key = b.key
      WHERE b.held <> COALESCE(h.sum, 0) OR b.spent_total <> COALESCE(u.sum, 0)`,
  },
  {
    rule: 'no attempt is both held and settled',
    breaks: sql`SELECT h.request AS id FROM holds h
      JOIN settlements s ON s.request = h.request AND s.attempt = h.attempt`,
  },
  {
    rule: 'deposits are what the Till credited',
    breaks: sql`SELECT a.id FROM accounts a
      LEFT JOIN (SELECT target, SUM(amount) AS sum FROM transfers WHERE kind = 'deposit' GROUP BY target) t
        ON t.target = 'acct:' || a.id
      WHERE a.credited <> COALESCE(t.sum, 0)`,
  },
  {
    // Of a sovereign one its owner may collect as much as it has: any cheque of its own, past us.
    rule: 'the Till collected no more than was settled of managed accounts',
    breaks: sql`SELECT id FROM accounts WHERE mode = 'managed' AND collected > settled`,
  },
  {
    rule: 'charges ask for settled usage only',
    breaks: sql`SELECT id FROM accounts WHERE charged > settled`,
  },
  {
    rule: 'losses are the debts of exited accounts',
    breaks: sql`SELECT 'losses' AS id WHERE
      (SELECT COALESCE(SUM(debt), 0) FROM accounts)
      + (SELECT COALESCE(SUM(amount), 0) FROM postings WHERE account = 'losses') <> 0`,
  },
  {
    rule: 'a host has earned what was posted to it',
    breaks: sql`SELECT h.payee AS id FROM hosts h
      LEFT JOIN (SELECT account, SUM(amount) AS sum FROM postings GROUP BY account) p
        ON p.account = 'host:' || h.payee
      WHERE h.earned - h.redeemed <> COALESCE(p.sum, 0)`,
  },
  {
    rule: 'clearing holds what is on its way to hosts',
    breaks: sql`SELECT 'clearing' AS id WHERE
      (SELECT COALESCE(SUM(amount), 0) FROM postings WHERE account = 'clearing')
      <> (SELECT COALESCE(SUM(earned + commission), 0) FROM host_outbox)`,
  },
  {
    rule: 'vouchers cover collected debits only',
    breaks: sql`SELECT payee AS id FROM hosts WHERE vouchered > collected OR collected > earned`,
  },
]

/** Re-derives everything from the journal. Reads the whole store: for the operator, not for requests. */
export function prepareAudit(books: Books): () => AuditResult {
  const { db } = books.store
  return () => {
    books.hosts.flush()
    books.tail.index()
    const broken = RULES.flatMap(({ rule, breaks }) =>
      db.all<{ id: string }>(sql`${breaks} LIMIT ${MAX_NAMED}`).map(({ id }) => `${rule}: ${id}`),
    )
    return {
      ok: true,
      accounts: Number(sum(db, sql`SELECT COUNT(*) AS sum FROM accounts`)),
      available: sum(db, sql`SELECT SUM(available) AS sum FROM accounts`),
      held: sum(db, sql`SELECT SUM(held) AS sum FROM accounts`),
      prepaid: sum(
        db,
        sql`SELECT SUM(collected - settled) AS sum FROM accounts WHERE collected > settled`,
      ),
      clearing: posted(db, CLEARING),
      hosts: sum(db, sql`SELECT SUM(earned - redeemed) AS sum FROM hosts`),
      fees: posted(db, FEES),
      sent: posted(db, SENT),
      next: null,
      broken,
    }
  }
}

function posted(db: Db, account: string): Nano {
  return sum(db, sql`SELECT SUM(amount) AS sum FROM postings WHERE account = ${account}`)
}

function sum(db: Db, query: SQL): Nano {
  const row = db.get<{ sum: string }>(
    sql`SELECT CAST(COALESCE(sum, 0) AS TEXT) AS sum FROM (${query}) AS sums`,
  )
  return nano(BigInt(row.sum))
}
