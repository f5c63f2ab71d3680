/** What a failed check means and what to do about it. */
export interface FailureEntry {
  /** One line for the person who runs the machine or wrote the policy. */
  readonly remedy: string
  /**
   * The class of `attestation-vectors/2` that this code refines, where it is finer than the class.
   * Absent: the code is itself a class.
   */
  readonly class?: string
}

/**
 * Every way in which evidence can fail, for all technologies: which check failed is said by the
 * check's id, so one code serves several checks. Codes are stable: programs act on them.
 */
export const FAILURES = {
  parse: { remedy: 'Send the evidence exactly as the hardware made it; it is malformed or cut.' },
  'too-large': { remedy: 'Send the evidence alone; it is above the size limit.', class: 'parse' },
  version: { remedy: 'Use firmware whose report version the verifier supports.' },
  'key-type': { remedy: 'Use a quoting stack with a supported attestation key type.' },
  'tee-type': { remedy: 'Send evidence of the technology that its label names.' },
  'qe-vendor': { remedy: 'Use Intel’s quoting enclave.' },
  chain: { remedy: 'Fetch the device certificate and its chain again from the vendor.' },
  'untrusted-root': { remedy: 'Use evidence that ends in a pinned vendor root; stop otherwise.' },
  signature: { remedy: 'Collect the evidence again; it was altered or signed by another key.' },
  'qe-signature': { remedy: 'Re-provision the quoting enclave and quote again.' },
  'ak-binding': { remedy: 'Quote again; the attestation key is not the quoting enclave’s.' },
  revocation: { remedy: 'Stop using this machine: its vendor revoked a certificate.' },
  'crl-missing': {
    remedy: 'Fetch the revocation list; without it nothing is accepted.',
    class: 'crl-signature',
  },
  'crl-signature': { remedy: 'Fetch the revocation list again from the vendor.' },
  'crl-expired': { remedy: 'Fetch a current revocation list, and check the clock.' },
  'crl-rollback': {
    remedy: 'Fetch a newer revocation list; this one is below the floor.',
    class: 'crl-expired',
  },
  expired: { remedy: 'Fetch a certificate that is valid now, and check the clock.' },
  'not-yet-valid': { remedy: 'Check the clock; a certificate is not valid yet.' },
  'collateral-missing': { remedy: 'Supply or fetch the collateral that the check names.' },
  'collateral-chain': { remedy: 'Fetch the signed collateral and its issuer chain again.' },
  'collateral-signature': { remedy: 'Fetch the signed collateral again, byte for byte.' },
  'collateral-expired': { remedy: 'Fetch current collateral, and check the clock.' },
  'collateral-stale': {
    remedy: 'Fetch a fresh bundle; this one is older than the policy allows.',
    class: 'collateral-expired',
  },
  'tcb-status': { remedy: 'Update the machine’s BIOS, microcode and firmware; then re-attest.' },
  'tcb-eval-number': { remedy: 'Fetch newer TCB info; its evaluation number is below the floor.' },
  'tcb-floor': { remedy: 'Update the platform firmware to the demanded minimum.' },
  'tcb-binding': { remedy: 'Fetch the certificate for the reported TCB.' },
  'tcb-order': {
    remedy: 'Stop: no firmware reports these TCB values together.',
    class: 'provisional',
  },
  'hwid-binding': { remedy: 'Fetch the certificate of this very chip.' },
  'masked-chip-key': {
    remedy: 'Unmask the chip key in the firmware’s configuration.',
    class: 'signature',
  },
  'key-kind': {
    remedy: 'Send the certificate kind (VCEK or VLEK) that signed the report.',
    class: 'chain',
  },
  product: { remedy: 'Send the certificate of the report’s processor family.', class: 'chain' },
  'policy-debug': { remedy: 'Start the guest without debug access.' },
  'policy-migrate': { remedy: 'Start the guest without a migration agent.' },
  'policy-perfmon': { remedy: 'Start the TD without PERFMON.' },
  'policy-bits': {
    remedy: 'Start the guest with the policy bits that the owner demands.',
    class: 'pin-mismatch',
  },
  'sept-ve-disable': { remedy: 'Start the TD with SEPT_VE_DISABLE.' },
  'service-td': { remedy: 'Start the TD without a service TD, or pin it.' },
  xfam: { remedy: 'Start the TD with a supported XFAM.' },
  'reserved-bits': { remedy: 'Use firmware of a supported format; a reserved bit is wrong.' },
  vmpl: { remedy: 'Take the report at the privilege level that the policy names.' },
  provisional: { remedy: 'Commit the firmware (SNP_COMMIT) and re-attest.' },
  'vlek-csp': { remedy: 'Pin the cloud’s CSP id, or use a chip certificate (VCEK).' },
  'alias-check': {
    remedy: 'Update to firmware that completes the memory alias check.',
    class: 'pin-mismatch',
  },
  'platform-info': {
    remedy: 'Change the platform settings that the policy demands.',
    class: 'pin-mismatch',
  },
  'abi-version': {
    remedy: 'Update to firmware with the demanded ABI version.',
    class: 'pin-mismatch',
  },
  mitigation: { remedy: 'Update to firmware with the demanded mitigations.', class: 'tcb-floor' },
  'qe-identity': { remedy: 'Update the quoting enclave.' },
  'module-identity': { remedy: 'Update the TDX module, or fetch its identity.' },
  'fmspc-mismatch': { remedy: 'Fetch the TCB info of this platform’s FMSPC.' },
  nonce: { remedy: 'Ask for evidence over a fresh nonce.' },
  'report-data-mismatch': { remedy: 'Stop: the evidence vouches for other keys or another nonce.' },
  'measurement-mismatch': { remedy: 'Run an image whose hash is in the allowlist.' },
  'measurement-denied': {
    remedy: 'Stop using this image: it was denied.',
    class: 'measurement-mismatch',
  },
  'pin-mismatch': { remedy: 'Start the guest with the pinned configuration.' },
  'event-log': {
    remedy: 'Send the whole event log; it does not replay to the quoted register.',
    class: 'measurement-mismatch',
  },
  'trailing-data': { remedy: 'Send the evidence without bytes after its end.', class: 'parse' },
  'rim-missing': {
    remedy: 'Fetch the reference measurements of this driver and VBIOS.',
    class: 'measurement-mismatch',
  },
  'rim-signature': { remedy: 'Fetch the reference measurements again from the vendor.' },
  'rim-chain': { remedy: 'Fetch reference measurements signed under the pinned root.' },
  'rim-mismatch': {
    remedy: 'Fetch the reference measurements of this very version.',
    class: 'measurement-mismatch',
  },
  fwid: { remedy: 'Update the GPU firmware; its identity is missing or another.' },
  'gpu-arch': { remedy: 'Use a GPU of the architecture that its label names.', class: 'chain' },
  'gpu-driver': { remedy: 'Update the GPU driver above the floor.', class: 'tcb-floor' },
  'gpu-vbios': { remedy: 'Update the VBIOS above the floor.', class: 'tcb-floor' },
  'gpu-feature': {
    remedy: 'Set the GPU’s confidential mode that the policy names.',
    class: 'pin-mismatch',
  },
  'gpu-missing': { remedy: 'Send GPU evidence; the model needs it.', class: 'nonce' },
  'gpu-count': {
    remedy: 'Send evidence of every GPU that the offer names.',
    class: 'duplicate-device',
  },
  'gpu-binding': {
    remedy: 'Name the GPU evidence’s digest in the keyset’s subject.',
    class: 'nonce',
  },
  'gpu-fabric': {
    remedy: 'Send evidence of all GPUs and switches of the fabric.',
    class: 'duplicate-device',
  },
  'duplicate-device': { remedy: 'Send each device once.' },
  ocsp: { remedy: 'Fetch a good, current OCSP answer for every certificate.' },
  'token-parse': { remedy: 'Fetch the token again; it is malformed.', class: 'token-claims' },
  'token-alg': { remedy: 'Accept only ES384 tokens of the vendor.' },
  'token-key': {
    remedy: 'Refresh the key set; the token’s key is not in it.',
    class: 'token-signature',
  },
  'token-signature': { remedy: 'Fetch the token again; its signature is bad.' },
  'token-issuer': { remedy: 'Use the production attestation service.' },
  'token-digest': { remedy: 'Send the device tokens that belong to the overall token.' },
  'token-nonce': { remedy: 'Ask for a token over a fresh nonce.' },
  'token-expired': { remedy: 'Fetch a fresh token, and check the clock.' },
  'token-claims': { remedy: 'Fix what the attestation service found wrong with the GPU.' },
  'allowlist-empty': {
    remedy: 'Configure the allowlist; an empty one denies everything.',
    class: 'measurement-mismatch',
  },
  'allowlist-stale': {
    remedy: 'Read the Registry again; the copy is too old.',
    class: 'measurement-mismatch',
  },
  'allowlist-rollback': {
    remedy: 'Read the Registry from another endpoint: its version fell.',
    class: 'measurement-mismatch',
  },
  'model-unlisted': {
    remedy: 'Add the (model, weights) pair to the Registry.',
    class: 'pin-mismatch',
  },
  internal: { remedy: 'Report this as a bug; the evidence is refused.', class: 'parse' },
} as const satisfies Record<string, FailureEntry>

export type FailureCode = keyof typeof FAILURES
