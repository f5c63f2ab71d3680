import { and, count, eq, getTableColumns, isNotNull, or } from 'drizzle-orm'
import type { AccountId } from '../db/ids.ts'
import { accounts, apiKeys, keyBudgets } from '../db/schema.ts'
import type { Books } from './books.ts'
import { writeBudget } from './key-budgets.ts'
import { formatKeyRules, parseKeyRules, patchBudget, patchRules } from './key-rules.ts'
import type {
  AddKey,
  AddKeyResult,
  ChangeKey,
  ChangeKeyResult,
  FindKey,
  FindKeyResult,
  KeyBudget,
  ListKeys,
  ListKeysResult,
  StoredKey,
} from './port.ts'

/** Keys of one account, revoked ones included: those make room. */
export const MAX_KEYS = 1_000

export function prepareAddKey(books: Books): (op: AddKey) => AddKeyResult {
  const { db } = books.store
  return ({ account, key }) => {
    const no = books.accountNo(account)
    if (no === undefined) return { ok: false, code: 'unknown_account' }
    if (!makeRoom(books, account)) return { ok: false, code: 'too_many_keys' }
    const { sealedOnly, rules, budget, previousUntil, ...columns } = key
    db.insert(apiKeys)
      .values({
        ...columns,
        account,
        sealed_only: sealedOnly,
        rules: formatKeyRules(rules),
        previous_until: previousUntil,
      })
      .run()
    if (budget !== null) writeBudget(books, { key: key.id, account: no, budget, at: key.created })
    return { ok: true }
  }
}

/** Forgets the key that was revoked first, where there is no room for another. @returns whether there is room */
function makeRoom({ store: { db } }: Books, account: AccountId): boolean {
  const own = eq(apiKeys.account, account)
  const [keys] = db.select({ n: count() }).from(apiKeys).where(own).all()
  if ((keys?.n ?? 0) < MAX_KEYS) return true
  const revoked = and(own, isNotNull(apiKeys.revoked))
  const first = db.select().from(apiKeys).where(revoked).orderBy(apiKeys.revoked).limit(1).get()
  if (first === undefined) return false
  db.delete(keyBudgets).where(eq(keyBudgets.key, first.id)).run()
  db.delete(apiKeys).where(eq(apiKeys.id, first.id)).run()
  return true
}

/** On the way of a request when the cache has no answer: once in some seconds. */
export function prepareFindKey({ store: { db } }: Books): (op: FindKey) => FindKeyResult {
  return ({ account, hash }) => {
    const row = db
      .select({ key: apiKeys, budget: keyBudgets, mode: accounts.mode })
      .from(apiKeys)
      .innerJoin(accounts, eq(accounts.id, apiKeys.account))
      .leftJoin(keyBudgets, eq(keyBudgets.key, apiKeys.id))
      .where(
        and(
          or(eq(apiKeys.hash, hash), eq(apiKeys.previous_hash, hash)),
          eq(apiKeys.account, account),
        ),
      )
      .get()
    if (row === undefined) return { ok: false, code: 'unknown_key' }
    const previous = row.key.hash !== hash
    return { ok: true, mode: row.mode, previous, key: keyOf(row.key, row.budget) }
  }
}

export function prepareListKeys({ store: { db } }: Books): (op: ListKeys) => ListKeysResult {
  return ({ account }) => ({
    ok: true,
    keys: db
      .select({ key: apiKeys, budget: keyBudgets })
      .from(apiKeys)
      .leftJoin(keyBudgets, eq(keyBudgets.key, apiKeys.id))
      .where(eq(apiKeys.account, account))
      .orderBy(apiKeys.created, apiKeys.id)
      .all()
      .map(({ key, budget }) => keyOf(key, budget)),
  })
}

export function prepareChangeKey(books: Books): (op: ChangeKey) => ChangeKeyResult {
  const { db } = books.store
  return (op) => {
    const which = and(eq(apiKeys.id, op.id), eq(apiKeys.account, op.account))
    const row = db.select(getTableColumns(apiKeys)).from(apiKeys).where(which).get()
    const no = books.accountNo(op.account)
    if (row === undefined || no === undefined) return { ok: false, code: 'unknown_key' }
    if (op.rotate !== undefined && row.revoked !== null) return { ok: false, code: 'revoked_key' }
    const changed = { ...row, ...changesOf(op, row) }
    db.update(apiKeys).set(changed).where(which).run()
    const read = () => db.select().from(keyBudgets).where(eq(keyBudgets.key, op.id)).get() ?? null
    if (op.budget !== undefined) {
      const budget = patchBudget(budgetOf(read()), op.budget)
      writeBudget(books, { key: op.id, account: no, budget, at: op.at })
    }
    return { ok: true, key: keyOf(changed, read()) }
  }
}

type KeyRow = typeof apiKeys.$inferSelect

function changesOf(op: ChangeKey, row: KeyRow): Partial<KeyRow> {
  const { name, sealedOnly, expires, rules, rotate, revoked } = op
  return {
    name: name ?? row.name,
    sealed_only: sealedOnly ?? row.sealed_only,
    expires: expires === undefined ? row.expires : expires,
    rules:
      rules === undefined ? row.rules : formatKeyRules(patchRules(parseKeyRules(row.rules), rules)),
    revoked: row.revoked ?? revoked ?? null,
    ...(rotate === undefined
      ? {}
      : {
          hash: rotate.hash,
          masked: rotate.masked,
          previous_hash: row.hash,
          previous_until: rotate.until,
        }),
  }
}

function budgetOf(row: typeof keyBudgets.$inferSelect | null): KeyBudget | null {
  if (row === null) return null
  const { most_total: total, most_day: day, most_week: week, most_month: month } = row
  return { total, day, week, month }
}

function keyOf(row: KeyRow, budget: typeof keyBudgets.$inferSelect | null): StoredKey {
  const { id, hash, name, masked, role, expires, revoked, created } = row
  return {
    id,
    hash,
    name,
    masked,
    role,
    sealedOnly: row.sealed_only,
    rules: parseKeyRules(row.rules),
    budget: budgetOf(budget),
    expires,
    revoked,
    created,
    previousUntil: row.previous_until,
  }
}
