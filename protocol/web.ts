import * as noble from '@panva/hpke-noble'
import * as hpke from 'hpke'
import { type Bytes, base64url, copyBytes, fromBase64url, fromHex, hex } from '#base/bytes.ts'
import { asyncBodies } from './body.ts'
import type { Aead, Provider } from './crypto.ts'
import { TAG_BYTES } from './frame.ts'
import { portableHashes } from './hash.ts'
import { isSmallOrder } from './small-order.ts'
import { buildSuites } from './suite.ts'

/** Any runtime with WebCrypto: browsers, Workers, Deno, Bun, Node. */
export const webProvider: Provider<'async'> = {
  hashes: portableHashes,
  texts: { hex, fromHex: (text) => fromHex(text), base64url, fromBase64url },
  bodies: asyncBodies(webAead),
  suites: buildSuites({
    'ehbp-x25519': hpke.KEM_DHKEM_X25519_HKDF_SHA256,
    // No runtime's WebCrypto has ML-KEM without a flag or a warning yet.
    'ehbp-mlkem768-x25519': noble.KEM_MLKEM768_X25519,
  }),
  verify,
}

function webAead(raw: Bytes): Aead<'async'> {
  const key = crypto.subtle.importKey('raw', raw, 'AES-GCM', false, ['encrypt', 'decrypt'])
  return {
    seal: async (iv, additionalData, plaintext, headroom) => {
      const sealed = await crypto.subtle.encrypt(
        { name: 'AES-GCM', iv, additionalData },
        await key,
        copyBytes(plaintext),
      )
      const frame = new Uint8Array(headroom + plaintext.length + TAG_BYTES)
      frame.set(new Uint8Array(sealed), headroom)
      return frame
    },
    open: async (iv, additionalData, ciphertext) => {
      const algorithm = { name: 'AES-GCM', iv, additionalData }
      return new Uint8Array(
        await crypto.subtle.decrypt(algorithm, await key, copyBytes(ciphertext)),
      )
    },
  }
}

async function verify(
  publicKey: Uint8Array,
  message: Uint8Array,
  signature: Uint8Array,
): Promise<boolean> {
  if (signature.length !== 64 || isSmallOrder(publicKey)) return false
  try {
    const key = await crypto.subtle.importKey('raw', copyBytes(publicKey), 'Ed25519', false, [
      'verify',
    ])
    return await crypto.subtle.verify('Ed25519', key, copyBytes(signature), copyBytes(message))
  } catch {
    return false
  }
}
