import type { Bytes } from '#base/bytes.ts'
import type { FailureCode } from '../codes.ts'
import { checkEcdsaRaw } from '../der/ecdsa.ts'
import { importPublicKey, type PublicKey } from '../der/signature.ts'
import { AttestationError, demand } from '../errors.ts'

const ECDSA_SHA256 = { name: 'ecdsa-sha256', kind: 'ecdsa', hash: 'SHA-256' } as const

/**
 * Checks a raw r||s signature by a P-256 key, as quotes and Intel's documents carry it. Every flaw of signature or
 * key, also a point off the curve, is the one failure `code`.
 */
export async function checkP256(
  input: { readonly key: PublicKey; readonly message: Bytes; readonly signature: Bytes },
  code: FailureCode,
  what: string,
): Promise<void> {
  const { key, message } = input
  let good = false
  try {
    const signature = checkEcdsaRaw(input.signature, 'P-256')
    const parameters = { name: 'ECDSA', hash: ECDSA_SHA256.hash }
    const imported = await importPublicKey(key, ECDSA_SHA256)
    good = await crypto.subtle.verify(parameters, imported, signature, message)
  } catch (cause) {
    if (!(cause instanceof AttestationError)) throw cause
    throw new AttestationError(code, `${what} is malformed`, { cause })
  }
  demand(good, code, `${what} is bad`)
}
