import type { Bytes } from '#base/bytes.ts'
import type { FailureCode } from '../codes.ts'
import { checkEcdsaRaw } from '../der/ecdsa.ts'
import { verifyOnce } from '../der/once.ts'
import { importPublicKey, type PublicKey } from '../der/signature.ts'
import { AttestationError, demand } from '../errors.ts'

const ECDSA_SHA256 = { name: 'ecdsa-sha256', kind: 'ecdsa', hash: 'SHA-256' } as const

export interface P256Signature {
  readonly key: PublicKey
  readonly message: Bytes
  /** Raw r||s. */
  readonly signature: Bytes
}

/**
 * Checks a raw r||s signature by a P-256 key, as quotes and Intel's documents carry it. Every flaw of signature or
 * key, also a point off the curve, is the one failure `code`.
 */
export async function checkP256(
  signed: P256Signature,
  code: FailureCode,
  what: string,
): Promise<void> {
  await checkGood(() => verifyP256(signed), code, what)
}

/** The same for what Intel publishes: it comes back with every machine and is not verified again. */
export async function checkPublishedP256(
  signed: P256Signature,
  code: FailureCode,
  what: string,
): Promise<void> {
  const { key, message, signature } = signed
  const parts = [key.spki, message, signature]
  await checkGood(() => verifyOnce('p256', parts, () => verifyP256(signed)), code, what)
}

async function verifyP256({ key, message, signature: raw }: P256Signature): Promise<boolean> {
  const signature = checkEcdsaRaw(raw, 'P-256')
  const parameters = { name: 'ECDSA', hash: ECDSA_SHA256.hash }
  const imported = await importPublicKey(key, ECDSA_SHA256)
  return crypto.subtle.verify(parameters, imported, signature, message)
}

async function checkGood(
  verify: () => Promise<boolean>,
  code: FailureCode,
  what: string,
): Promise<void> {
  let good = false
  try {
    good = await verify()
  } catch (cause) {
    if (!(cause instanceof AttestationError)) throw cause
    throw new AttestationError(code, `${what} is malformed`, { cause })
  }
  demand(good, code, `${what} is bad`)
}
