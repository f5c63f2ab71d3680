import { createHash } from 'node:crypto'
import { type Bytes, concat, equalBytes, fromHex, hex, utf8 } from '#base/bytes.ts'
import type { Provider, SealingKey, Signer, Suites } from '#protocol'
import { nodeProvider } from '#protocol/node'

/**
 * Stands for Ed25519 and HPKE, which would cost most of the time of a run: a "signature" is a hash under the public key, so that
 * whoever knows a key can forge it, and nobody in a simulation does but where it says so. Hashes, MACs and AES are the real ones.
 */
const SIGNED = utf8('simulated signature\0')

export const sha256 = (...parts: readonly Uint8Array[]): Bytes => {
  const hash = createHash('sha256')
  for (const part of parts) hash.update(part)
  return new Uint8Array(hash.digest())
}

export function quickSign(publicKey: Uint8Array, message: Uint8Array): Bytes {
  const half = sha256(SIGNED, publicKey, message)
  return concat(half, half)
}

export const quickVerify = (
  publicKey: Uint8Array,
  message: Uint8Array,
  signature: Uint8Array,
): boolean => equalBytes(quickSign(publicKey, message), new Uint8Array(signature))

/** The key of a name. */
export function quickKey(name: string): Signer {
  const publicKey = sha256(utf8(`key of ${name}`))
  return { keyId: name, publicKey, sign: (message) => quickSign(publicKey, message) }
}

/** The part of an HPKE suite that sessions use: encapsulations are counted, secrets are hashes. */
function quickHpke() {
  let opened = 0
  const context = (secret: Bytes) => ({
    Export: async (label: Uint8Array) => sha256(secret, label),
  })
  return {
    DeserializePublicKey: async (key: Uint8Array) => key,
    SetupSender: async (key: Uint8Array, { info }: { info: Uint8Array }) => {
      const encapsulatedSecret = sha256(utf8(`encapsulated ${opened++}`), key)
      return { encapsulatedSecret, ctx: context(sha256(key, encapsulatedSecret, info)) }
    },
    SetupRecipient: async (
      { publicKey }: { publicKey: Uint8Array },
      enc: Uint8Array,
      { info }: { info: Uint8Array },
    ) => context(sha256(publicKey, enc, info)),
  }
}

/** Makes the provider of one run: what it counts begins anew with each. */
export function quickProvider(): Provider<'sync'> {
  const name = 'ehbp-x25519'
  const suite = { ...nodeProvider.suites[name], hpke: quickHpke() }
  // Sound: gateway and runner model touch nothing else of a suite, and keysets here name this one only.
  const suites = { ...nodeProvider.suites, [name]: suite } as unknown as Suites
  return { ...nodeProvider, suites, verify: quickVerify }
}

/** @param publicKey 32 bytes */
export function quickSealingKey(provider: Provider, publicKey: Bytes): SealingKey {
  const suite = provider.suites['ehbp-x25519']
  // Sound: the suite above reads the public key only.
  return { suite, publicKey, pair: { publicKey } as unknown as SealingKey['pair'] }
}

export const keyHex = (key: Pick<Signer, 'publicKey'>): string => hex(key.publicKey)
export const keyOf = (text: string): Bytes => fromHex(text)
