import { EMPTY_ALLOWLIST } from '#attestation'
import { type Clock, toSeconds } from '#base/brand.ts'
import type { AllowlistSource } from '../runners/allowlist-source.ts'

/** An operator's own list of images, which asks no chain: what is to hold the keys is the operator's word alone. */
export function pinnedImages(images: readonly string[], clock: Clock): AllowlistSource {
  const plain = { enforcesWeights: false, enforcesGpu: false }
  const listed = new Map(images.map((image) => [image, plain]))
  return {
    current: async () => ({ ...EMPTY_ALLOWLIST, readAt: toSeconds(clock()), images: listed }),
    minVersion: () => 0,
    refresh: async () => false,
    snapshot: () => undefined,
  }
}
