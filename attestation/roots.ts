import type { TrustAnchors } from './anchors.ts'
import { AMD_ROOTS } from './sev/roots.ts'

/** The vendors' roots. `verified` is said of evidence under this very object and no other (H17). */
export const PINNED_ANCHORS: TrustAnchors = Object.freeze({
  sev: AMD_ROOTS,
  intel: [],
  nvidiaDevice: [],
  nvidiaRim: [],
  nras: { issuer: 'https://nras.attestation.nvidia.com', roots: [] },
})
