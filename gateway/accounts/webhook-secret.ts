import { type Bytes, base64, utf8 } from '#base/bytes.ts'
import type { MacKey } from '#protocol'
import type { AccountId } from '../db/ids.ts'

/** An account's signing secret, derived from its id: nothing to store, nothing to leak from the database. */
export function webhookSecret(
  secrets: MacKey,
  account: AccountId,
  secretId: string,
): { readonly bytes: Bytes; readonly text: string } {
  const bytes = secrets.mac(utf8(`${account}\0${secretId}`))
  return { bytes, text: `whsec_${base64(bytes)}` }
}
