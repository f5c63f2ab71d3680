import type { CheckTable } from '../checks.ts'

/**
 * Check → what demands it, in public. NVTRUST is NVIDIA's own verifier (github.com/NVIDIA/nvtrust, attestation-sdk).
 */
export const NVIDIA_CHECKS = {
  'gpu.form': 'DMTF DSP0274 (SPDM 1.1) section 10.11: a bounded, whole measurement transcript',
  'gpu.chain': 'NVTRUST, device identity: five certificates to the pinned device root',
  'gpu.arch': 'NVTRUST, architecture check: the certificate is of the chip that is named',
  'gpu.signature': 'DMTF DSP0274 section 10.11: the device key signed request and response',
  'gpu.nonce': 'DMTF DSP0274 section 10.11: the request holds the caller’s nonce',
  'gpu.fwid': 'TCG DICE Attestation Architecture: the running firmware is the certified one',
  'gpu.distinct': 'SECURITY H7: every entry is another device',
  'rim.document': 'ISO/IEC 19770-2; TCG RIM: a whole manifest, in XML with one reading',
  'rim.chain': 'NVTRUST, RIM: the signer chains to the pinned root',
  'rim.signature': 'W3C XML Signature 1.1: the chain’s first key signed this very document',
  'rim.identity': 'TCG RIM: the manifest is for this version and product',
  'gpu.revocation-answers': 'RFC 6960 section 3.2; RFC 5280 section 6.3.3: answers are authentic',
  'gpu.trailing-data': 'README, policy: nothing unsigned follows the transcript',
  'gpu.fwid-present': 'README, policy: the device reports its firmware’s identity',
  'gpu.architecture': 'README, policy: an architecture that the policy lists',
  'gpu.driver-floor': 'NVIDIA security bulletins: the driver is not below the floor',
  'gpu.driver-denied': 'README, policy: the driver was not denied',
  'gpu.vbios-floor': 'NVIDIA security bulletins: the firmware is not below the floor',
  'gpu.feature': 'NVIDIA confidential computing modes: one that the policy lists',
  'gpu.fabric': 'NVIDIA protected PCIe: GPUs and switches are one whole fabric',
  'rim.driver': 'NVTRUST, RIM: the driver’s manifest is at hand',
  'rim.vbios': 'NVTRUST, RIM: the firmware’s manifest is at hand',
  'rim.no-conflict': 'NVTRUST, index conflict: no measurement has two references',
  'gpu.nvdec0': 'NVTRUST, measurement 35: the video decoder’s status is known',
  'gpu.measurements': 'NVTRUST, comparison: every active reference value is measured',
  'gpu.revocation': 'RFC 6960 section 2.2: every certificate has a good, current answer',
} as const satisfies CheckTable
