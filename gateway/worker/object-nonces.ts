import type { Clock } from '#base/brand.ts'
import { STATEMENT_SECONDS } from '../accounts/open-account.ts'

const PREFIX = 'nonce:'
const VALID_MS = 2 * STATEMENT_SECONDS * 1000

/** Nonces of an account's signed statements, kept where the account is: every place sees the same ones. */
export function openNonces(kv: SyncKvStorage, clock: Clock): { use(nonce: string): boolean } {
  return {
    use(nonce) {
      const now = clock()
      for (const [key, until] of kv.list<number>({ prefix: PREFIX })) {
        if (until <= now) kv.delete(key)
      }
      const key = PREFIX + nonce
      if (kv.get(key) !== undefined) return false
      kv.put(key, now + VALID_MS)
      return true
    },
  }
}
