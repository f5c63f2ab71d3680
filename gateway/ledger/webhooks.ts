import { and, asc, eq, lte, type SQL, sql } from 'drizzle-orm'
import { unixMs } from '#base/brand.ts'
import { webhooks } from '../db/schema.ts'
import type { Books } from './books.ts'
import type {
  DueWebhook,
  DueWebhooks,
  DueWebhooksResult,
  NoteWebhook,
  Ok,
  ReadWebhook,
  ReadWebhookResult,
  SetWebhook,
  SetWebhookResult,
} from './port.ts'

/** @see SetWebhook */
export function prepareSetWebhook(books: Books): (op: SetWebhook) => SetWebhookResult {
  const { db } = books.store
  return ({ account, webhook, at }) => {
    if (books.accountNo(account) === undefined) return { ok: false, code: 'unknown_account' }
    db.delete(webhooks).where(eq(webhooks.account, account)).run()
    if (webhook === null) return { ok: true }
    const { url, secretId, threshold } = webhook
    db.insert(webhooks)
      .values({
        account,
        url,
        secret_id: secretId,
        threshold,
        state: 'armed',
        attempts: 0,
        next_at: at,
        created: at,
      })
      .run()
    return { ok: true }
  }
}

/** @see ReadWebhook */
export function prepareReadWebhook({
  store: { db },
}: Books): (op: ReadWebhook) => ReadWebhookResult {
  return ({ account }) => {
    const row = db.select().from(webhooks).where(eq(webhooks.account, account)).get()
    if (row === undefined) return { ok: true, webhook: null }
    const { url, secret_id: secretId, threshold, state } = row
    return { ok: true, webhook: { url, secretId, threshold, state } }
  }
}

const AVAILABLE = '(SELECT available FROM accounts a WHERE a.id = webhooks.account)'
/** A balance that rose again arms the next event, and one that nobody was told of is not news any more. */
const ARM = `UPDATE webhooks SET state = 'armed', event = NULL
  WHERE state <> 'armed' AND threshold <= ${AVAILABLE}`
const FIRE = `UPDATE webhooks SET state = 'due', event = 'low_' || account || '_' || ?, available = ${AVAILABLE},
  since = ?, attempts = 0, next_at = ? WHERE state = 'armed' AND threshold > ${AVAILABLE}`

/** @see DueWebhooks */
export function prepareDueWebhooks({ store }: Books): (op: DueWebhooks) => DueWebhooksResult {
  const arm = store.prepare(ARM)
  const fire = store.prepare(FIRE)
  return ({ at, limit, except = [] }) => {
    arm.run()
    fire.run(String(at), at, at)
    const rows = store.db
      .select()
      .from(webhooks)
      .where(and(eq(webhooks.state, 'due'), lte(webhooks.next_at, at), ...except.map(isElsewhere)))
      .orderBy(asc(webhooks.next_at), asc(webhooks.account))
      .limit(limit)
      .all()
    return { ok: true, due: rows.flatMap(dueOf) }
  }
}

function isElsewhere(origin: string): SQL {
  const start = `${origin}/`
  return sql`substr(${webhooks.url}, 1, ${start.length}) <> ${start}`
}

function dueOf(row: typeof webhooks.$inferSelect): DueWebhook[] {
  const { account, url, secret_id: secretId, threshold, event, available, since, attempts } = row
  if (event === null || available === null || since === null) return []
  return [{ account, url, secretId, threshold, event, available, since: unixMs(since), attempts }]
}

/** @see NoteWebhook */
export function prepareNoteWebhook({ store }: Books): (op: NoteWebhook) => Ok {
  const end = store.prepare(
    "UPDATE webhooks SET state = ?, attempts = attempts + 1 WHERE account = ? AND event = ? AND state = 'due'",
  )
  const retry = store.prepare(
    "UPDATE webhooks SET next_at = ?, attempts = attempts + 1 WHERE account = ? AND event = ? AND state = 'due'",
  )
  return ({ account, event, delivered, next }) => {
    if (delivered || next === null) end.run(delivered ? 'told' : 'failed', account, event)
    else retry.run(next, account, event)
    return { ok: true }
  }
}
