import type { NonceMemory } from '../accounts/nonce-memory.ts'
import type { Objects } from './objects.ts'

const ACCOUNT_CHARS = 32

/** Nonces of statements, remembered by the account's own object: every place sees the same. */
export function accountNonces(objects: Objects): NonceMemory {
  return {
    // `<account>:<nonce>`, as open-account.ts names them.
    use: (nonce) => objects.ledger(`acct:${nonce.slice(0, ACCOUNT_CHARS)}`).useNonce(nonce),
  }
}
