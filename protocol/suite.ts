import * as hpke from 'hpke'
import type { Bytes } from '#base/bytes.ts'
import { copyBytes } from '#base/bytes.ts'
import { ProtocolError } from './errors.ts'

export type SuiteName = 'ehbp-x25519' | 'ehbp-mlkem768-x25519'

/** One HPKE suite: base mode, HKDF-SHA256, AES-256-GCM. @see SPEC.md section 2 */
export interface Suite {
  readonly name: SuiteName
  readonly kemId: number
  /** Bytes of an encapsulated key: it alone picks the suite. */
  readonly encLength: number
  /** Bytes of a public key. */
  readonly publicKeyLength: number
  readonly hpke: hpke.CipherSuite
}

export type Suites = Readonly<Record<SuiteName, Suite>>

/** Sizes and ids, by preference: ours prefer the hybrid; key configs list X25519 first. */
export const SUITE_FACTS = [
  { name: 'ehbp-mlkem768-x25519', kemId: 0x647a, encLength: 1120, publicKeyLength: 1216 },
  { name: 'ehbp-x25519', kemId: 0x0020, encLength: 32, publicKeyLength: 32 },
] as const satisfies readonly Omit<Suite, 'hpke'>[]

export const KDF_ID = 0x0001
export const AEAD_ID = 0x0002

/** A runner's HPKE key: the private half never leaves the library's key object. */
export interface SealingKey {
  readonly suite: Suite
  readonly publicKey: Bytes
  readonly pair: hpke.KeyPair
}

/**
 * Pairs each suite's sizes with implementations of its parts under the library's own interfaces.
 */
export function buildSuites(
  kems: Readonly<Record<SuiteName, hpke.KEMFactory>>,
  kdf: hpke.KDFFactory = hpke.KDF_HKDF_SHA256,
  aead: hpke.AEADFactory = hpke.AEAD_AES_256_GCM,
): Suites {
  const entries = SUITE_FACTS.map((facts): [SuiteName, Suite] => [
    facts.name,
    { ...facts, hpke: new hpke.CipherSuite(kems[facts.name], kdf, aead) },
  ])
  // Sound: SUITE_FACTS names every suite once.
  return Object.fromEntries(entries) as Record<SuiteName, Suite>
}

/** The suite whose encapsulated keys have exactly this length. */
export function suiteByEncLength(suites: Suites, encLength: number): Suite {
  const facts = SUITE_FACTS.find((suite) => suite.encLength === encLength)
  if (facts === undefined) {
    throw new ProtocolError('suite_unsupported', `no suite has ${encLength}-byte encapsulated keys`)
  }
  return suites[facts.name]
}

/** Makes a fresh, non-extractable key: suites never share key material (M4). */
export async function generateSealingKey(suite: Suite): Promise<SealingKey> {
  const pair = await suite.hpke.GenerateKeyPair(false)
  return { suite, pair, publicKey: copyBytes(await suite.hpke.SerializePublicKey(pair.publicKey)) }
}
