import { asc, eq } from 'drizzle-orm'
import { chainWaiting } from '../db/schema.ts'
import type { Books } from './books.ts'
import { ltText } from './cursor.ts'
import type { ListWaiting, ListWaitingResult, NoteWaiting, Ok } from './port.ts'

const MAX_LISTED = 100

/** @see NoteWaiting */
export function prepareNoteWaiting({ store: { db } }: Books): (op: NoteWaiting) => Ok {
  return ({ address, waitsFor, deposits }) => {
    db.delete(chainWaiting).where(eq(chainWaiting.address, address)).run()
    for (const { lt, ...deposit } of deposits) {
      const row = { address, lt: ltText(lt), waits_for: waitsFor, ...deposit }
      db.insert(chainWaiting).values(row).run()
    }
    return { ok: true }
  }
}

/** @see ListWaiting */
export function prepareListWaiting({
  store: { db },
}: Books): (op: ListWaiting) => ListWaitingResult {
  return ({ of }) => ({
    ok: true,
    deposits: db
      .select()
      .from(chainWaiting)
      .where(eq(chainWaiting.account, of.account))
      .orderBy(asc(chainWaiting.lt))
      .limit(MAX_LISTED)
      .all()
      .map(({ lt, hash, account, value, time, waits_for: waitsFor }) => {
        return { lt: BigInt(lt), hash, account, value, time, waitsFor }
      }),
  })
}
