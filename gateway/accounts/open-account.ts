import { toSeconds, unixSeconds } from '#base/brand.ts'
import { type Bytes, fromHex } from '#base/bytes.ts'
import { accountIdOf, accountKeysFromJson } from '#contracts/pure'
import {
  type AccountRequest,
  accountStatement,
  type Provider,
  parseAccountRequest,
} from '#protocol'
import type { AccountId } from '../db/ids.ts'
import { AccountError } from './errors.ts'
import { FIRST_KEY, type IssuedKey, issueKey, type KeyDeps } from './keys.ts'

/** How far a statement's `issued_at` may be from our clock. */
export const STATEMENT_SECONDS = 300

export interface OpenAccountDeps extends KeyDeps {
  /** What statements are addressed to: this gateway's origin. */
  readonly gateway: string
  readonly verify: Provider['verify']
}

export interface OpenedAccount {
  readonly account: AccountId
  /** False when the account existed and the owner's signature asked for a further key. */
  readonly created: boolean
  readonly key: IssuedKey
}

/**
 * Opens the account that the caller's keys commit to and gives out its API key.
 *
 * 1. The statement is well formed and its keys are usable.
 * 2. The id follows from the keys: the gateway cannot choose it.
 * 3. The owner signed it, for this gateway, just now, and not before.
 * 4. An id that exists gets a further key by that signature only (C2).
 *
 * @throws AccountError
 * @see protocol/SPEC.md section 10.1
 */
export async function openAccount(deps: OpenAccountDeps, body: unknown): Promise<OpenedAccount> {
  const request = parse(body)
  const account = await accountOf(deps, request)
  const signed = await assertSigned(deps, account, request)
  const at = deps.clock()
  const [{ created }] = await deps.ledger.commit([
    { op: 'open_account', account, mode: request.mode, keys: JSON.stringify(request.keys), at },
  ])
  if (!created && !signed) {
    throw new AccountError('account_exists', 'another key needs the owner or an existing key')
  }
  const key = await issueKey(deps, account, FIRST_KEY)
  return { account, created, key }
}

function parse(body: unknown): AccountRequest {
  try {
    return parseAccountRequest(body, 'account')
  } catch (cause) {
    throw new AccountError('bad_request', 'not an account statement', { cause })
  }
}

async function accountOf(deps: OpenAccountDeps, request: AccountRequest): Promise<AccountId> {
  try {
    const { owner, owner_key, spend_key, salt } = request.keys
    const given = Object.entries({ owner, owner_key, spend_key }).filter(
      ([, key]) => key !== undefined,
    )
    const json = { salt, ...Object.fromEntries(given) }
    const keys = accountKeysFromJson(json)
    return await accountIdOf(keys, request.mode, (bytes) => deps.hashes.sha256(bytes))
  } catch (cause) {
    throw new AccountError('bad_request', 'the keys cannot own an account', { cause })
  }
}

/** Whether there is an owner key that signed; its statement must be fresh and new. */
async function assertSigned(
  deps: OpenAccountDeps,
  account: AccountId,
  request: AccountRequest,
): Promise<boolean> {
  const { issued_at, nonce, signature } = request
  const ownerKey = request.keys.owner_key
  const now = toSeconds(deps.clock())
  if (Math.abs(now - issued_at) > STATEMENT_SECONDS) {
    throw new AccountError('stale_statement', 'issued_at is not now')
  }
  if (ownerKey === undefined) return false
  const message = accountStatement({ gateway: deps.gateway, account, issued_at, nonce })
  const valid = await deps.verify(fromHex(ownerKey), message, signatureBytes(signature))
  if (!valid) throw new AccountError('bad_signature', 'not signed by the owner key')
  const expires = unixSeconds(issued_at + STATEMENT_SECONDS + 1)
  const [used] = await deps.ledger.commit([{ op: 'use_nonce', account, nonce, expires }])
  if (!used.ok) {
    throw new AccountError('stale_statement', 'this statement was used before')
  }
  return true
}

function signatureBytes(signature: string | undefined): Bytes {
  if (signature === undefined) throw new AccountError('bad_signature', 'the owner key must sign')
  return fromHex(signature)
}
