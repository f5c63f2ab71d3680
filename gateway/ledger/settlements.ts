import { and, desc, eq, lt } from 'drizzle-orm'
import { textMember } from '#base/members.ts'
import {
  accounts,
  receipts,
  settlementAccounts,
  settlementAttempts,
  settlements,
} from '../db/schema.ts'
import type { Books } from './books.ts'
import type {
  FindSettlement,
  FindSettlementResult,
  ListSettlements,
  ListSettlementsResult,
  SettledRequest,
} from './port.ts'

const MAX_LISTED = 1_000

/** @see FindSettlement */
export function prepareFindSettlement(books: Books): (op: FindSettlement) => FindSettlementResult {
  return (op) => {
    books.tail.index()
    const row = 'answer' in op ? findByAnswer(books, op) : findByAttempt(books, op)
    if (row === undefined) return { ok: false, code: 'unknown_attempt' }
    return { ok: true, settlement: settledRequest(books, row.settlement), receipt: row.document }
  }
}

function findByAttempt(
  { store: { db } }: Books,
  { account, request, attempt }: Extract<FindSettlement, { request: unknown }>,
) {
  return db
    .select({ settlement: settlements, document: receipts.document })
    .from(settlementAttempts)
    .innerJoin(settlements, eq(settlements.id, settlementAttempts.settlement))
    .innerJoin(receipts, eq(receipts.settlement, settlements.id))
    .innerJoin(accounts, eq(accounts.no, settlements.account))
    .where(
      and(
        eq(settlementAttempts.request, request),
        eq(settlementAttempts.attempt, attempt),
        eq(accounts.id, account),
      ),
    )
    .get()
}

/** No index for it: each settlement would pay for what few ever ask, and that soon after the answer. */
function findByAnswer(
  { store: { db } }: Books,
  { account, answer }: Extract<FindSettlement, { answer: unknown }>,
) {
  return db
    .select({ settlement: settlements, document: receipts.document })
    .from(settlementAccounts)
    .innerJoin(settlements, eq(settlements.id, settlementAccounts.settlement))
    .innerJoin(receipts, eq(receipts.settlement, settlements.id))
    .innerJoin(accounts, eq(accounts.no, settlementAccounts.account))
    .where(eq(accounts.id, account))
    .orderBy(desc(settlementAccounts.cumulative), desc(settlementAccounts.settlement))
    .limit(MAX_LISTED)
    .all()
    .find(({ document }) => textMember(JSON.parse(document), 'chat_id') === answer)
}

/** @see ListSettlements */
export function prepareListSettlements(
  books: Books,
): (op: ListSettlements) => ListSettlementsResult {
  const { db } = books.store
  return ({ account, before, limit }) => {
    books.tail.index()
    const rows = db
      .select({ settlement: settlements })
      .from(settlementAccounts)
      .innerJoin(settlements, eq(settlements.id, settlementAccounts.settlement))
      .innerJoin(accounts, eq(accounts.no, settlementAccounts.account))
      .where(
        and(
          eq(accounts.id, account),
          before === null ? undefined : lt(settlementAccounts.settlement, before),
        ),
      )
      .orderBy(desc(settlementAccounts.cumulative), desc(settlementAccounts.settlement))
      .limit(Math.min(limit, MAX_LISTED))
      .all()
    return { ok: true, settlements: rows.map((row) => settledRequest(books, row.settlement)) }
  }
}

function settledRequest(books: Books, row: typeof settlements.$inferSelect): SettledRequest {
  const { id, request, attempt, key, stop, reserved, cost, commission, late } = row
  const { prompt_tokens, cached_tokens, completion_tokens, reasoning_tokens } = row
  const { commissionBps: _, ...terms } = books.terms.read(row.terms)
  return {
    ...terms,
    id,
    request,
    attempt,
    key,
    usage: { prompt_tokens, cached_tokens, completion_tokens, reasoning_tokens },
    stop,
    reserved,
    cost,
    commission,
    late,
    reservedAt: row.created,
    settledAt: row.at,
  }
}
