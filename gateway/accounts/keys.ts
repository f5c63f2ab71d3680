import type { Clock, Random, UnixMs } from '#base/brand.ts'
import { type Bytes, hex, utf8 } from '#base/bytes.ts'
import type { Hashes } from '#protocol'
import type { AccountId, KeyId } from '../db/ids.ts'
import type { ChangeKey, Ledger, StoredKey } from '../ledger/port.ts'
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

export interface KeyWishes {
  readonly name: string
  readonly sealedOnly: boolean
  readonly expires: UnixMs | null
}

/** @throws AccountError `bad_request`, `unknown_account`, `too_many_keys` */
export async function issueKey(
  deps: KeyDeps,
  account: AccountId,
  wishes: KeyWishes,
): Promise<IssuedKey> {
  assertName(wishes.name)
  const { hashes, random } = deps
  const text = makeApiKey(account, hashes.macKey(deps.secret), random)
  const key: StoredKey = {
    ...wishes,
    id: newKeyId(random),
    hash: hex(hashes.sha256(utf8(text))),
    masked: maskApiKey(text),
    revoked: null,
    created: deps.clock(),
  }
  const [added] = await deps.ledger.commit([{ op: 'add_key', account, key }])
  if (!added.ok) throw new AccountError(added.code, 'no key was added')
  return { ...viewOf(key), text }
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
  change: { readonly id: KeyId; readonly name?: string; readonly sealedOnly?: boolean },
): Promise<KeyView> {
  if (change.name !== undefined) assertName(change.name)
  return apply(deps, { op: 'change_key', account, ...change })
}

/** For good; a second time changes nothing. @throws AccountError `unknown_key` */
export function revokeKey(deps: KeyDeps, account: AccountId, id: KeyId): Promise<KeyView> {
  return apply(deps, { op: 'change_key', account, id, revoked: deps.clock() })
}

async function apply(deps: KeyDeps, change: ChangeKey): Promise<KeyView> {
  const [changed] = await deps.ledger.commit([change])
  deps.forget(change.account)
  if (!changed.ok) throw new AccountError(changed.code, `${change.id} is not of this account`)
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
