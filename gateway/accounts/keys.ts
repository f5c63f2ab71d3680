import { type Clock, type Random, unixMs } from '#base/brand.ts'
import { type Bytes, hex, utf8 } from '#base/bytes.ts'
import type { Hashes } from '#protocol'
import type { AccountId, KeyId } from '../db/ids.ts'
import { NO_RULES, patchBudget, patchRules } from '../ledger/key-rules.ts'
import type { ChangeKey, KeyBudgetPatch, KeyRulesPatch, Ledger, StoredKey } from '../ledger/port.ts'
import { makeApiKey, maskApiKey, newKeyId } from './api-key.ts'
import { AccountError } from './errors.ts'

const MAX_NAME_CHARS = 100

export interface KeyDeps {
  readonly ledger: Ledger
  readonly hashes: Hashes
  /** The secret under which keys carry their MAC. */
  readonly secret: Bytes
  readonly clock: Clock
  readonly random: Random
  /** Makes a change bite at once in this process: `Authenticator.forget`. */
  readonly forget: (account: AccountId) => void
}

/** A key as its owner may see it: never its hash. */
export type KeyView = Omit<StoredKey, 'hash'>
/** A new key; the only time that its text exists outside the owner's hands. */
export type IssuedKey = KeyView & { readonly text: string }

export interface KeyWishes extends Pick<StoredKey, 'name' | 'role' | 'sealedOnly' | 'expires'> {
  /** What is not named is not limited. */
  readonly rules: KeyRulesPatch
  readonly budget: KeyBudgetPatch | null
}

/** A key that may do everything, without limits: an account's first one. */
export const FIRST_KEY: KeyWishes = {
  name: '',
  role: 'admin',
  sealedOnly: false,
  expires: null,
  rules: NO_RULES,
  budget: null,
}

/** @throws AccountError `bad_request`, `unknown_account`, `too_many_keys` */
export async function issueKey(
  deps: KeyDeps,
  account: AccountId,
  wishes: KeyWishes,
): Promise<IssuedKey> {
  assertName(wishes.name)
  const { text, ...named } = newText(deps, account)
  const key: StoredKey = {
    ...wishes,
    ...named,
    rules: patchRules(NO_RULES, wishes.rules),
    budget: patchBudget(null, wishes.budget),
    id: newKeyId(deps.random),
    revoked: null,
    created: deps.clock(),
    previousUntil: null,
  }
  const [added] = await deps.ledger.commit([{ op: 'add_key', account, key }])
  if (!added.ok) throw new AccountError(added.code, 'no key was added')
  return { ...viewOf(key), text }
}

function newText({ hashes, secret, random }: KeyDeps, account: AccountId) {
  const text = makeApiKey(account, hashes.macKey(secret), random)
  return { text, hash: hex(hashes.sha256(utf8(text))), masked: maskApiKey(text) }
}

/** Revoked keys included, oldest first. */
export async function listKeys(deps: KeyDeps, account: AccountId): Promise<KeyView[]> {
  const [{ keys }] = await deps.ledger.commit([{ op: 'list_keys', account }])
  return keys.map(viewOf)
}

/** @throws AccountError `bad_request`, `unknown_key` */
export async function changeKey(
  deps: KeyDeps,
  account: AccountId,
  change: { readonly id: KeyId } & Partial<Omit<KeyWishes, 'role'>>,
): Promise<KeyView> {
  if (change.name !== undefined) assertName(change.name)
  return apply(deps, { op: 'change_key', account, ...change, at: deps.clock() })
}

/**
 * Another text for the same key, with its name, limits and budgets; the present text works a while longer, and the one of
 * a rotation before that no more.
 * @throws AccountError `unknown_key`, `key_is_revoked`
 */
export async function rotateKey(
  deps: KeyDeps,
  account: AccountId,
  { id, graceSeconds }: { readonly id: KeyId; readonly graceSeconds: number },
): Promise<IssuedKey> {
  const { text, hash, masked } = newText(deps, account)
  const at = deps.clock()
  const rotate = { hash, masked, until: unixMs(at + graceSeconds * 1000) }
  return { ...(await apply(deps, { op: 'change_key', account, id, rotate, at })), text }
}

/** For good; a second time changes nothing. @throws AccountError `unknown_key` */
export function revokeKey(deps: KeyDeps, account: AccountId, id: KeyId): Promise<KeyView> {
  const at = deps.clock()
  return apply(deps, { op: 'change_key', account, id, revoked: at, at })
}

async function apply(deps: KeyDeps, change: ChangeKey): Promise<KeyView> {
  const [changed] = await deps.ledger.commit([change])
  deps.forget(change.account)
  if (!changed.ok) {
    const code = changed.code === 'revoked_key' ? 'key_is_revoked' : changed.code
    throw new AccountError(code, `${change.id} cannot be changed`)
  }
  return viewOf(changed.key)
}

function viewOf({ hash: _, ...view }: StoredKey): KeyView {
  return view
}

function assertName(name: string): void {
  if (name.length > MAX_NAME_CHARS) {
    throw new AccountError('bad_request', `a name has at most ${MAX_NAME_CHARS} characters`)
  }
}
