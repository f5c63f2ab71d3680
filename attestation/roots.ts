import type { TrustAnchors } from './anchors.ts'
import { NRAS_ANCHOR } from './nras/roots.ts'
import { NVIDIA_DEVICE_ROOTS, NVIDIA_RIM_ROOTS } from './nvidia/roots.ts'
import { AMD_ROOTS } from './sev/roots.ts'
import { INTEL_ROOTS } from './tdx/roots.ts'

/** The vendors' roots. `verified` is said of evidence under this very object and no other (H17). */
export const PINNED_ANCHORS: TrustAnchors = Object.freeze({
  sev: AMD_ROOTS,
  intel: INTEL_ROOTS,
  nvidiaDevice: NVIDIA_DEVICE_ROOTS,
  nvidiaRim: NVIDIA_RIM_ROOTS,
  nras: NRAS_ANCHOR,
})
