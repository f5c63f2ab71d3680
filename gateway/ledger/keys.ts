import { and, count, eq } from 'drizzle-orm'
import { unixMs } from '#base/brand.ts'
import type { Value } from '../db/db.ts'
import { keyId } from '../db/ids.ts'
import { numberIn, textIn } from '../db/row.ts'
import { accounts, apiKeys } from '../db/schema.ts'
import type { Books } from './books.ts'
import type {
  AddKey,
  AddKeyResult,
  ChangeKey,
  ChangeKeyResult,
  FindKey,
  FindKeyResult,
  ListKeys,
  ListKeysResult,
  StoredKey,
} from './port.ts'

/** Keys of one account, revoked ones included. */
export const MAX_KEYS = 1_000

export function prepareAddKey({ store: { db } }: Books): (op: AddKey) => AddKeyResult {
  return ({ account, key }) => {
    const owner = db.select().from(accounts).where(eq(accounts.id, account)).get()
    if (owner === undefined) return { ok: false, code: 'unknown_account' }
    const [keys] = db.select({ n: count() }).from(apiKeys).where(eq(apiKeys.account, account)).all()
    if ((keys?.n ?? 0) >= MAX_KEYS) return { ok: false, code: 'too_many_keys' }
    const { sealedOnly, ...columns } = key
    db.insert(apiKeys)
      .values({ ...columns, account, sealed_only: sealedOnly })
      .run()
    return { ok: true }
  }
}

/** On the hot path when the cache has no answer. */
export function prepareFindKey({ store }: Books): (op: FindKey) => FindKeyResult {
  const find = store.prepare(
    `SELECT k.id, k.name, masked, sealed_only, expires, revoked, k.created, mode FROM api_keys k
     JOIN accounts a ON a.id = k.account WHERE hash = ? AND k.account = ?`,
  )
  const time = (value: Value | undefined) => (value === null ? null : unixMs(numberIn(value)))
  return ({ account, hash }) => {
    const row = find.get(hash, account)
    if (row === undefined) return { ok: false, code: 'unknown_key' }
    const [id, name, masked, sealedOnly, expires, revoked, created, mode] = row
    return {
      ok: true,
      mode: mode === 'managed' ? 'managed' : 'sovereign',
      key: {
        id: keyId(textIn(id)),
        hash,
        name: textIn(name),
        masked: textIn(masked),
        sealedOnly: sealedOnly === 1,
        expires: time(expires),
        revoked: time(revoked),
        created: unixMs(numberIn(created)),
      },
    }
  }
}

export function prepareListKeys({ store: { db } }: Books): (op: ListKeys) => ListKeysResult {
  return ({ account }) => ({
    ok: true,
    keys: db
      .select()
      .from(apiKeys)
      .where(eq(apiKeys.account, account))
      .orderBy(apiKeys.created, apiKeys.id)
      .all()
      .map(keyOf),
  })
}

export function prepareChangeKey({ store: { db } }: Books): (op: ChangeKey) => ChangeKeyResult {
  return ({ account, id, name, sealedOnly, revoked }) => {
    const which = and(eq(apiKeys.id, id), eq(apiKeys.account, account))
    const row = db.select().from(apiKeys).where(which).get()
    if (row === undefined) return { ok: false, code: 'unknown_key' }
    const changed = {
      ...row,
      name: name ?? row.name,
      sealed_only: sealedOnly ?? row.sealed_only,
      revoked: row.revoked ?? revoked ?? null,
    }
    db.update(apiKeys).set(changed).where(which).run()
    return { ok: true, key: keyOf(changed) }
  }
}

function keyOf(row: typeof apiKeys.$inferSelect): StoredKey {
  const { id, hash, name, masked, sealed_only: sealedOnly, expires, revoked, created } = row
  return { id, hash, name, masked, sealedOnly, expires, revoked, created }
}
