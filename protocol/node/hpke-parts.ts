import { createCipheriv, createDecipheriv, createHmac, createSecretKey } from 'node:crypto'
import type { AEADFactory, KDFFactory } from 'hpke'
import { concat } from '#base/bytes.ts'

/**
 * HKDF-SHA256 and AES-256-GCM for the `hpke` library by node:crypto: the same algorithms as its own, without
 * a thread-pool trip for each of a setup's dozen small steps.
 */

const HASH_BYTES = 32
const TAG_BYTES = 16

export const nodeHkdfSha256: KDFFactory = () => ({
  id: 0x0001,
  type: 'KDF',
  name: 'HKDF-SHA256',
  Nh: HASH_BYTES,
  stages: 2,
  Extract: async (salt, ikm) => extract(salt, ikm),
  Expand: async (prk, info, length) => expand(prk, info, length),
  // Only one-stage KDFs derive in one step; the library never calls this.
  Derive: async () => {
    throw new TypeError('HKDF has two stages')
  },
})

export const nodeAes256Gcm: AEADFactory = () => ({
  id: 0x0002,
  type: 'AEAD',
  name: 'AES-256-GCM',
  Nk: 32,
  Nn: 12,
  Nt: TAG_BYTES,
  Seal: async (key, nonce, aad, plaintext) => {
    const cipher = createCipheriv('aes-256-gcm', createSecretKey(key), nonce)
    cipher.setAAD(aad)
    return concat(cipher.update(plaintext), cipher.final(), cipher.getAuthTag())
  },
  Open: async (key, nonce, aad, ciphertext) => {
    const at = ciphertext.length - TAG_BYTES
    if (at < 0) throw new RangeError('ciphertext is shorter than a tag')
    const options = { authTagLength: TAG_BYTES }
    const decipher = createDecipheriv('aes-256-gcm', createSecretKey(key), nonce, options)
    decipher.setAAD(aad)
    decipher.setAuthTag(ciphertext.subarray(at))
    return concat(decipher.update(ciphertext.subarray(0, at)), decipher.final())
  },
})

function extract(salt: Uint8Array, ikm: Uint8Array): Uint8Array {
  return createHmac('sha256', createSecretKey(salt)).update(ikm).digest()
}

/** @see RFC 5869 section 2.3 */
function expand(prk: Uint8Array, info: Uint8Array, length: number): Uint8Array {
  if (length > 255 * HASH_BYTES) throw new RangeError('HKDF yields at most 255 blocks')
  const key = createSecretKey(prk)
  const blocks: Uint8Array[] = []
  let last: Uint8Array = new Uint8Array(0)
  for (let i = 1; (i - 1) * HASH_BYTES < length; i++) {
    last = createHmac('sha256', key).update(last).update(info).update(Uint8Array.of(i)).digest()
    blocks.push(last)
  }
  return concat(...blocks).subarray(0, length)
}
