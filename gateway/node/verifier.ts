import { createPublicKey, type KeyObject, verify } from 'node:crypto'
import type { Provider } from '#protocol'
import { nodeProvider } from '#protocol/node'

const SPKI_PREFIX = Buffer.from('302a300506032b6570032100', 'hex')
const MAX_KEYS = 4_096
const SIGNATURE_BYTES = 64

/**
 * Ed25519 on libuv's threads: a check costs 0.12 ms, which the event loop must not pay per request. Keys that were good
 * once are kept parsed; a key of small order is refused by the provider, which sees every new key.
 */
export function createVerifier(): Pick<Provider<'async'>, 'verify'> {
  const keys = new Map<string, KeyObject>()
  return {
    async verify(publicKey, message, signature) {
      if (signature.length !== SIGNATURE_BYTES) return false
      const name = Buffer.from(publicKey).toString('latin1')
      const known = keys.get(name)
      if (known !== undefined) return check(known, message, signature)
      if (!nodeProvider.verify(publicKey, message, signature)) return false
      if (keys.size >= MAX_KEYS) keys.clear()
      const der = Buffer.concat([SPKI_PREFIX, publicKey])
      keys.set(name, createPublicKey({ key: der, format: 'der', type: 'spki' }))
      return true
    },
  }
}

function check(key: KeyObject, message: Uint8Array, signature: Uint8Array): Promise<boolean> {
  return new Promise((resolve) => {
    // A short array would be moved out of the JavaScript heap: a pooled copy is cheaper.
    const copy = Buffer.from(signature)
    verify(null, message, key, copy, (error, valid) => resolve(error === null && valid))
  })
}
