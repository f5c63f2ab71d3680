import type { Expected } from '#attestation'
import { gpuNonce, type Keyset, keysetDigest, reportData, type Subject } from '#protocol'

/** What evidence must say to vouch for a keyset: these keys, this nonce, this model, these GPUs. */
export function expectedOf(given: {
  readonly keyset: Keyset
  /** Undefined for a service that is no runner. */
  readonly subject: Subject | undefined
  readonly nonce: string | null
}): Expected {
  const { keyset, subject, nonce } = given
  return {
    reportData: reportData(keysetDigest(keyset), nonce),
    model: subject === undefined ? undefined : { id: subject.model, weights: subject.weights },
    gpuNonce: gpuNonce(keyset),
    gpuDigest: subject === undefined || subject.gpu === 'none' ? undefined : subject.gpu,
  }
}
