import type { AccountId, KeyId } from '../db/ids.ts'

/** Who asks about an account. */
export interface Caller {
  readonly account: AccountId
  /** Null for an owner who signed in. */
  readonly key: KeyId | null
  /** May make, change and revoke keys, and see what other keys did. */
  readonly isAdmin: boolean
}
