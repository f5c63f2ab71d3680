import type { UnixMs } from '#base/brand.ts'
import type { Nano, NanoPerMillion } from '#base/nano.ts'
import type { AccountId, KeyId } from '../../db/ids.ts'
import type { AccountMode, Ok, Refused } from './common.ts'

/** `inference` keys spend and read; `admin` keys also make, change and revoke keys. */
export type KeyRole = 'admin' | 'inference'

/** What a key may ask for; null: no rule. */
export interface KeyRules {
  readonly models: readonly string[] | null
  /** Pages that may send it: `https://page.example`. */
  readonly origins: readonly string[] | null
  /** Most that it pays per million tokens, whatever a request asks. */
  readonly maxPrice: {
    readonly input: NanoPerMillion | null
    readonly output: NanoPerMillion | null
  }
  readonly requestsPerMinute: number | null
  readonly tokensPerMinute: number | null
  /** Requests at once. */
  readonly concurrency: number | null
}

/** What of a key's rules changes: what is not named stays, null takes a rule away. */
export interface KeyRulesPatch extends Partial<Omit<KeyRules, 'maxPrice'>> {
  readonly maxPrice?: Partial<KeyRules['maxPrice']>
}

export type BudgetPeriod = 'total' | 'day' | 'week' | 'month'
/** The most that a key may spend, in all and in each UTC day, week (from Monday) and month; null: no limit. */
export type KeyBudget = Readonly<Record<BudgetPeriod, Nano | null>>
/** What is not named stays. */
export type KeyBudgetPatch = Partial<KeyBudget>

/** A key as stored: the SHA-256 of its text, never the text. */
export interface StoredKey {
  readonly id: KeyId
  /** Lower-case hex SHA-256 of the whole key. */
  readonly hash: string
  readonly name: string
  /** `sk-coc-…abcd` for lists. */
  readonly masked: string
  readonly role: KeyRole
  /** Only sealed requests are accepted with it. */
  readonly sealedOnly: boolean
  readonly rules: KeyRules
  /** Enforced where money is held: a key with one never spends a nanoTON more. */
  readonly budget: KeyBudget | null
  readonly expires: UnixMs | null
  readonly revoked: UnixMs | null
  readonly created: UnixMs
  /** Until when the text before the latest rotation works too. */
  readonly previousUntil: UnixMs | null
}

export interface AddKey {
  readonly op: 'add_key'
  readonly account: AccountId
  readonly key: StoredKey
}
export type AddKeyResult = Ok | Refused<'unknown_account' | 'too_many_keys'>

export interface FindKey {
  readonly op: 'find_key'
  readonly account: AccountId
  readonly hash: string
}
export type FindKeyResult =
  | {
      readonly ok: true
      readonly key: StoredKey
      readonly mode: AccountMode
      /** The hash is that of before the latest rotation. */
      readonly previous: boolean
    }
  | Refused<'unknown_key'>

export interface ListKeys {
  readonly op: 'list_keys'
  readonly account: AccountId
}
export type ListKeysResult = { readonly ok: true; readonly keys: readonly StoredKey[] }

/** A patch, put on the key as it is in this transaction: changes at once of different members all hold. */
export interface ChangeKey {
  readonly op: 'change_key'
  readonly account: AccountId
  readonly id: KeyId
  readonly name?: string
  readonly sealedOnly?: boolean
  readonly expires?: UnixMs | null
  readonly rules?: KeyRulesPatch
  /** What was spent before counts; null takes all budgets away, and so does taking away the last. */
  readonly budget?: KeyBudgetPatch | null
  /** Another text; the present one works until `until`. */
  readonly rotate?: { readonly hash: string; readonly masked: string; readonly until: UnixMs }
  /** Revokes for good; a second time changes nothing. */
  readonly revoked?: UnixMs
  readonly at: UnixMs
}
/** `revoked_key`: a revoked key gets no new text. */
export type ChangeKeyResult =
  | { readonly ok: true; readonly key: StoredKey }
  | Refused<'unknown_key' | 'revoked_key'>

/** What a key has spent; `held` is part of none of them yet. */
export interface KeySpending extends Readonly<Record<BudgetPeriod, Nano>> {
  readonly held: Nano
}
export interface ReadSpending {
  readonly op: 'read_spending'
  readonly account: AccountId
  readonly key: KeyId
  readonly at: UnixMs
}
export type ReadSpendingResult = { readonly ok: true; readonly spending: KeySpending }
