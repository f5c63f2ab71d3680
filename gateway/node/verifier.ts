import sodium from 'sodium-native'
import type { Provider } from '#protocol'

const SIGNATURE_BYTES = 64
const KEY_BYTES = 32

/**
 * Ed25519 by libsodium, which needs half of the time that Node's own takes: 0.05 ms, less than a way to the thread pool and back. It
 * refuses keys of small order, and any second spelling of a key or a signature.
 */
export function createVerifier(): Pick<Provider<'sync'>, 'verify'> {
  // Short arrays live in the JavaScript heap, and native code moves what it is given out of there for good: it gets these instead.
  const key = Buffer.allocUnsafeSlow(KEY_BYTES)
  const mark = Buffer.allocUnsafeSlow(SIGNATURE_BYTES)
  return {
    verify(publicKey, message, signature) {
      if (publicKey.length !== KEY_BYTES || signature.length !== SIGNATURE_BYTES) return false
      key.set(publicKey)
      mark.set(signature)
      return sodium.crypto_sign_verify_detached(mark, message, key)
    },
  }
}
