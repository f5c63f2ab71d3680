import { and, desc, eq, lt, lte } from 'drizzle-orm'
import { chainCursors, chainEvents, chainStaging, chainWaiting } from '../db/schema.ts'
import type { Books } from './books.ts'
import type {
  AdvanceCursor,
  AdvanceCursorResult,
  ListEvents,
  ListEventsResult,
  Ok,
  RestoreEvents,
} from './port.ts'

const LT_DIGITS = 20

/** A logical time as a column: fixed width, so that text sorts as numbers do. */
export function ltText(lt: bigint): string {
  return lt.toString().padStart(LT_DIGITS, '0')
}

/** @see AdvanceCursor */
export function prepareAdvanceCursor({
  store: { db },
}: Books): (op: AdvanceCursor) => AdvanceCursorResult {
  return ({ address, from, to, events }) => {
    const row = db.select().from(chainCursors).where(eq(chainCursors.address, address)).get()
    const stored = row === undefined ? null : `${row.lt}:${row.hash}`
    if (stored !== (from === null ? null : `${ltText(from.lt)}:${from.hash}`)) {
      return { ok: false, code: 'moved' }
    }
    const cursor = { lt: ltText(to.lt), hash: to.hash }
    db.insert(chainCursors)
      .values({ address, ...cursor })
      .onConflictDoUpdate({ target: chainCursors.address, set: cursor })
      .run()
    db.delete(chainStaging)
      .where(and(eq(chainStaging.address, address), lte(chainStaging.lt, cursor.lt)))
      .run()
    db.delete(chainWaiting)
      .where(and(eq(chainWaiting.address, address), lte(chainWaiting.lt, cursor.lt)))
      .run()
    for (const event of events) {
      db.insert(chainEvents)
        .values({ ...event, address, lt: ltText(event.lt) })
        .run()
    }
    return { ok: true }
  }
}

/** @see RestoreEvents */
export function prepareRestoreEvents({ store: { db } }: Books): (op: RestoreEvents) => Ok {
  return ({ address, events }) => {
    for (const event of events) {
      const row = { ...event, address, lt: ltText(event.lt) }
      db.insert(chainEvents)
        .values(row)
        .onConflictDoUpdate({ target: [chainEvents.address, chainEvents.lt], set: row })
        .run()
    }
    return { ok: true }
  }
}

const MAX_LISTED = 1_000

/** @see ListEvents */
export function prepareListEvents({ store: { db } }: Books): (op: ListEvents) => ListEventsResult {
  return ({ of, before, limit }) => {
    const which =
      'account' in of ? eq(chainEvents.account, of.account) : eq(chainEvents.kind, of.kind)
    const rows = db
      .select()
      .from(chainEvents)
      .where(and(which, before === null ? undefined : lt(chainEvents.lt, ltText(before))))
      .orderBy(desc(chainEvents.lt))
      .limit(Math.min(limit, MAX_LISTED))
      .all()
    return {
      ok: true,
      events: rows.map(({ address: _, ...event }) => ({ ...event, lt: BigInt(event.lt) })),
    }
  }
}
