import type { Clock, UnixMs } from '#base/brand.ts'
import { type Bytes, hex, utf8 } from '#base/bytes.ts'
import type { Hashes } from '#protocol'
import type { AccountId, KeyId } from '../db/ids.ts'
import type { AccountMode, KeyRole, KeyRules, Ledger, StoredKey } from '../ledger/port.ts'
import { readApiKey } from './api-key.ts'
import { AccountError } from './errors.ts'

/** For so long a key may work after another process revoked it; this process forgets it at once. */
const CACHE_MS = 5_000
const CACHE_ENTRIES = 50_000

/** Who is calling. */
export interface Identity {
  readonly account: AccountId
  readonly mode: AccountMode
  readonly key: KeyId
  readonly role: KeyRole
  /** The key takes sealed requests only. */
  readonly sealedOnly: boolean
  readonly rules: KeyRules
}

export interface Authenticator {
  /**
   * At once when the key was seen in the last seconds, else after one look-up in its account's store.
   * @throws AccountError `invalid_key`, `revoked_key`, `expired_key`
   */
  authenticate(text: string): Identity | Promise<Identity>
  /** After a change of its keys. */
  forget(account: AccountId): void
}

export interface AuthenticatorOptions {
  readonly ledger: Ledger
  readonly hashes: Hashes
  /** The secret under which keys carry their MAC. */
  readonly secret: Bytes
  readonly clock: Clock
}

interface Known {
  readonly identity: Identity
  readonly until: UnixMs
}

interface LookUp {
  readonly account: AccountId
  /** A change of the account's keys overtook it: what it found may stand no longer. */
  isOvertaken: boolean
}

export function createAuthenticator(options: AuthenticatorOptions): Authenticator {
  const { ledger, hashes, clock } = options
  const mac = hashes.macKey(options.secret)
  const known = new Map<string, Known>()
  const underWay = new Set<LookUp>()

  async function lookUp(account: AccountId, hash: string): Promise<Identity> {
    const own: LookUp = { account, isOvertaken: false }
    underWay.add(own)
    try {
      const entry = await read(account, hash)
      if (!own.isOvertaken) remember(hash, entry)
      return entry.identity
    } finally {
      underWay.delete(own)
    }
  }

  async function read(account: AccountId, hash: string): Promise<Known> {
    // The store may have answered as of now already.
    const asked = clock()
    const [found] = await ledger.commit([{ op: 'find_key', account, hash }])
    if (!found.ok) throw new AccountError('invalid_key', 'no such key')
    const { key, mode, previous } = found
    const ends = Math.min(
      key.expires ?? Number.POSITIVE_INFINITY,
      previous ? (key.previousUntil ?? 0) : Number.POSITIVE_INFINITY,
    )
    assertUsable(key, ends, clock())
    const { id, role, sealedOnly, rules } = key
    const identity = { account, mode, key: id, role, sealedOnly, rules }
    // Sound: the sum of a time and a positive interval is a time.
    const until = Math.min(asked + CACHE_MS, ends) as UnixMs
    return { identity, until }
  }

  function remember(hash: string, entry: Known): void {
    if (known.size >= CACHE_ENTRIES) {
      for (const oldest of known.keys()) {
        known.delete(oldest)
        break
      }
    }
    known.set(hash, entry)
  }

  return {
    authenticate(text) {
      const hash = hex(hashes.sha256(utf8(text)))
      const entry = known.get(hash)
      if (entry !== undefined && isFresh(entry, clock())) return entry.identity
      known.delete(hash)
      const account = readApiKey(text, mac)
      if (account === undefined) throw new AccountError('invalid_key', 'no such key')
      return lookUp(account, hash)
    },
    forget(account) {
      for (const [hash, { identity }] of known) {
        if (identity.account === account) known.delete(hash)
      }
      for (const one of underWay) {
        if (one.account === account) one.isOvertaken = true
      }
    },
  }
}

/** A clock that was set back makes no entry last longer. */
function isFresh({ until }: Known, now: UnixMs): boolean {
  return now < until && until - now <= CACHE_MS
}

function assertUsable(key: StoredKey, ends: number, now: UnixMs): void {
  if (key.revoked !== null) throw new AccountError('revoked_key', `${key.id} was revoked`)
  if (ends <= now) {
    throw new AccountError('expired_key', `${key.id} has expired`)
  }
}
