import { type Bytes, copyBytes, utf8 } from '#base/bytes.ts'
import type { BodyKeys, Hashes } from './crypto.ts'
import { ProtocolError } from './errors.ts'
import { NONCE_BYTES } from './frame.ts'

export const RESPONSE_NONCE_BYTES = 32
const SECRET_BYTES = 32
// HKDF-Expand of one block: info || 0x01. EHBP section 4.2.
const KEY_INFO = utf8('key\u0001')
const NONCE_INFO = utf8('nonce\u0001')

/**
 * Keys of a sealed response: HKDF over the exported secret, salted by what names the request and by the
 * runner's fresh nonce, so that two answers never share a key.
 * @param salt the encapsulated key, or a session's request name (SPEC 5.3)
 * @see SPEC.md section 1.4
 */
export function responseKeys(
  hashes: Hashes,
  input: { secret: Bytes; salt: Bytes; nonce: Uint8Array; end: boolean },
): BodyKeys {
  if (input.secret.length !== SECRET_BYTES) {
    throw new ProtocolError('bad_input', `exported secret takes ${SECRET_BYTES} bytes`)
  }
  if (input.nonce.length !== RESPONSE_NONCE_BYTES) {
    throw new ProtocolError('header_invalid', `response nonce takes ${RESPONSE_NONCE_BYTES} bytes`)
  }
  const salt = new Uint8Array(input.salt.length + RESPONSE_NONCE_BYTES)
  salt.set(input.salt)
  salt.set(input.nonce, input.salt.length)
  const prk = hashes.macKey(hashes.macKey(salt).mac(input.secret))
  return {
    key: prk.mac(KEY_INFO),
    nonce: copyBytes(prk.mac(NONCE_INFO).subarray(0, NONCE_BYTES)),
    end: input.end,
  }
}
