import { type Bytes, concat, equalBytes, fromUtf8, utf8 } from '#base/bytes.ts'
import type { MacKey, Provider } from '#protocol'
import { type AccountId, accountId, type RequestId } from '../db/ids.ts'

/**
 * The `ref` of an allowance: the account, readable by this gateway only, bound to one request. It comes back with
 * the receipt, so that settlement needs no table from requests to accounts.
 *
 * An account id has 32 characters, a MAC 32 bytes: the id is masked by HMAC(mask key, request id), which is never
 * used for another plaintext because request ids are random and unique, and then authenticated.
 */
export interface AccountRefs {
  seal(account: AccountId, request: RequestId): string
  /** @returns undefined for a ref that is not this gateway's, or not of this request */
  open(ref: string, request: RequestId): AccountId | undefined
}

const ID_BYTES = 32
const TAG_BYTES = 16
const MASK_LABEL = utf8('cocoon gateway ref mask\0')
const TAG_LABEL = utf8('cocoon gateway ref tag\0')

/** @param secret at least 32 random bytes */
export function createAccountRefs(
  { hashes, texts }: Pick<Provider, 'hashes' | 'texts'>,
  secret: Bytes,
): AccountRefs {
  const root = hashes.macKey(secret)
  const masks = hashes.macKey(root.mac(MASK_LABEL))
  const tags = hashes.macKey(root.mac(TAG_LABEL))
  return {
    seal(account, request) {
      const name = utf8(request)
      const masked = xor(utf8(account), masks.mac(name))
      return texts.base64url(concat(masked, tagOf(tags, name, masked)))
    },
    open(ref, request) {
      try {
        const sealed = texts.fromBase64url(ref)
        const name = utf8(request)
        const masked = sealed.subarray(0, ID_BYTES)
        if (!equalBytes(sealed.subarray(ID_BYTES), tagOf(tags, name, masked))) return undefined
        return accountId(fromUtf8(xor(masked, masks.mac(name))))
      } catch {
        return undefined
      }
    },
  }
}

function tagOf(tags: MacKey, name: Bytes, masked: Bytes): Bytes {
  return tags.mac(name, masked).subarray(0, TAG_BYTES)
}

function xor(text: Bytes, mask: Bytes): Bytes {
  if (text.length !== ID_BYTES) throw new RangeError('an account id has 32 characters')
  const mixed = new Uint8Array(ID_BYTES)
  for (let i = 0; i < ID_BYTES; i++) mixed[i] = (text[i] ?? 0) ^ (mask[i] ?? 0)
  return mixed
}
