import { type Bytes, concat, fromHex, hex } from '#base/bytes.ts'
import { ProtocolError } from './errors.ts'
import { canonical, canonicalMessage, portableHashes, sha256Digest } from './hash.ts'
import { GPU_NONCE_LABEL, PURPOSE } from './labels.ts'
import { exact, hexOf, list, optional, type Parsed, seconds, text } from './parse.ts'
import { SUITE_FACTS, type SuiteName } from './suite.ts'

const MAX_KEYS = 8

const publicKey = exact({
  key_id: text(128),
  algo: text(64),
  public_key: text(8192, /^(?:[0-9a-f]{2})+$/),
})
const tlsKey = exact({ spki_sha256: hexOf(32), domain: optional(text(253)) })

/** The ACI keyset: every key that one quote vouches for. @see SPEC.md section 6.1 */
export const parseKeyset = exact({
  subject: text(1024),
  not_after: seconds,
  receipt_signing_keys: list(publicKey, { min: 1, max: MAX_KEYS }),
  e2ee_public_keys: list(publicKey, { max: MAX_KEYS }),
  tls_public_keys: list(tlsKey, { max: MAX_KEYS }),
})

export type Keyset = Parsed<typeof parseKeyset>
export type KeysetKey = Parsed<typeof publicKey>

/** Keysets never change once parsed, and a gateway asks for the same one with every receipt. */
const digests = new WeakMap<Keyset, string>()

/** `sha256:` and hex of the canonical keyset. */
export function keysetDigest(keyset: Keyset): string {
  const known = digests.get(keyset)
  if (known !== undefined) return known
  const made = sha256Digest(canonicalMessage(keyset))
  digests.set(keyset, made)
  return made
}

/**
 * The nonce that GPU evidence must carry: it names the keys that the CPU quote vouches for.
 * @returns 32 bytes
 */
export function gpuNonce(keys: Pick<Keyset, 'e2ee_public_keys' | 'receipt_signing_keys'>): Bytes {
  const { e2ee_public_keys, receipt_signing_keys } = keys
  const inner = portableHashes.sha256(canonicalMessage({ e2ee_public_keys, receipt_signing_keys }))
  return portableHashes.sha256(GPU_NONCE_LABEL, inner)
}

/** The canonical bytes that a quote vouches for. @param nonce 64 hex digits, or null */
export function statement(digest: string, nonce: string | null): Bytes {
  return canonical({ keyset_digest: digest, nonce, purpose: PURPOSE.reportData })
}

/** The 64 bytes of report_data: SHA-256 of the statement, then zeros. */
export function reportData(digest: string, nonce: string | null): Bytes {
  return concat(portableHashes.sha256(statement(digest, nonce)), new Uint8Array(32))
}

/** The public key of a suite, checked for its exact length; undefined when the keyset has none. */
export function sealingKeyOf(keyset: Keyset, suite: SuiteName): Bytes | undefined {
  const keys = keyset.e2ee_public_keys.filter((key) => key.algo === suite)
  if (keys.length > 1) throw new ProtocolError('message_invalid', `keyset: two ${suite} keys`)
  const [key] = keys
  if (key === undefined) return undefined
  const bytes = fromHex(key.public_key)
  const facts = SUITE_FACTS.find(({ name }) => name === suite)
  if (bytes.length !== facts?.publicKeyLength) {
    throw new ProtocolError('message_invalid', `keyset: ${suite} key has ${bytes.length} bytes`)
  }
  return bytes
}

/** Our preferred suite among the keyset's: the hybrid one. */
export function preferredSealingKey(keyset: Keyset): { suite: SuiteName; publicKey: Bytes } {
  for (const { name } of SUITE_FACTS) {
    const key = sealingKeyOf(keyset, name)
    if (key !== undefined) return { suite: name, publicKey: key }
  }
  throw new ProtocolError('suite_unsupported', 'keyset: no sealing key of a suite of ours')
}

/** The Ed25519 key with this id. */
export function receiptKeyOf(keyset: Keyset, keyId: string): Bytes {
  const keys = keyset.receipt_signing_keys.filter((key) => key.key_id === keyId)
  const [key] = keys
  if (keys.length !== 1 || key?.algo !== 'ed25519' || key.public_key.length !== 64) {
    throw new ProtocolError('signature_invalid', 'keyset: no single ed25519 key of that id')
  }
  return fromHex(key.public_key)
}

/** Content address of an ACI document (a session): hex SHA-256 of its canonical form. */
export function contentAddress(document: unknown): string {
  return hex(portableHashes.sha256(canonicalMessage(document)))
}
