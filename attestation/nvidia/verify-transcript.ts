import type { Certificate } from '../der/certificate.ts'
import { verifyEcdsaRaw } from '../der/ecdsa.ts'
import { demand } from '../errors.ts'
import type { SpdmTranscript } from './spdm.ts'

/**
 * Verifies that the key of a device's leaf certificate, and no other of its chain, signed the transcript.
 * @throws AttestationError signature
 */
export async function verifyTranscript({
  chain,
  transcript,
}: {
  readonly chain: readonly Certificate[]
  readonly transcript: SpdmTranscript
}): Promise<void> {
  const key = chain[0]?.key
  demand(key?.kind === 'ec' && key.curve === 'P-384', 'signature', 'device key is not P-384')
  const good = await verifyEcdsaRaw({
    curve: 'P-384',
    hash: 'SHA-384',
    point: key.point,
    message: transcript.signed,
    signature: transcript.signature,
  })
  demand(good, 'signature', 'SPDM signature is bad')
}
