import { inArray } from 'drizzle-orm'
import { hostOutbox } from '../db/schema.ts'
import type { Books } from './books.ts'
import { prepareHostCredit } from './host-side.ts'
import { CLEARING } from './journal.ts'
import type {
  AckOutbox,
  ApplyOutbox,
  ApplyOutboxResult,
  Ok,
  ReadOutbox,
  ReadOutboxResult,
} from './port.ts'

/** What the other store's clearing account is called here: the two sum to zero once everything is acknowledged. */
export const SENT = 'sent'

export function prepareReadOutbox({ store: { db } }: Books): (op: ReadOutbox) => ReadOutboxResult {
  return ({ limit }) => ({
    ok: true,
    entries: db
      .select()
      .from(hostOutbox)
      .orderBy(hostOutbox.id)
      .limit(limit)
      .all()
      .map(({ id: _, ...entry }) => entry),
  })
}

/** @see ApplyOutbox */
export function prepareApplyOutbox(books: Books): (op: ApplyOutbox) => ApplyOutboxResult {
  const seen = books.store.prepare('INSERT INTO host_inbox (key) VALUES (?) ON CONFLICT DO NOTHING')
  const credit = prepareHostCredit(books.store, books.post)
  return ({ entries }) => {
    let applied = 0
    for (const entry of entries) {
      if (!seen.run(entry.key)) continue
      applied++
      const { earned, commission, at } = entry
      const received = { source: SENT, target: CLEARING, at } as const
      books.post({ kind: 'share', ...received, amount: earned })
      books.post({ kind: 'commission', ...received, amount: commission })
      credit(entry)
    }
    return { ok: true, applied }
  }
}

/** @see AckOutbox */
export function prepareAckOutbox(books: Books): (op: AckOutbox) => Ok {
  const { db } = books.store
  return ({ keys }) => {
    const which = inArray(hostOutbox.key, [...keys])
    for (const { earned, commission, at } of db.select().from(hostOutbox).where(which).all()) {
      const sent = { source: CLEARING, target: SENT, at } as const
      books.post({ kind: 'share', ...sent, amount: earned })
      books.post({ kind: 'commission', ...sent, amount: commission })
    }
    db.delete(hostOutbox).where(which).run()
    return { ok: true }
  }
}
