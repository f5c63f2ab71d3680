import type { CheckTable } from '../checks.ts'

/**
 * Check → public source and what it demands. ABI is AMD 56860 (SEV-SNP firmware ABI), KDS is AMD 57230 (VCEK
 * certificates and key distribution service), SB are AMD's security bulletins.
 */
export const SEV_CHECKS = {
  'sev.signer': 'ABI, ATTESTATION_REPORT: signed by a VCEK or VLEK, and not masked',
  'sev.product': 'ABI, CPUID fields; KDS, productName: a product whose roots are pinned',
  'sev.tcb-format': 'ABI, TCB_VERSION: reserved bytes of the product’s layout are zero',
  'sev.vek-present': 'KDS: the report-signing certificate is at hand',
  'sev.vek-kind': 'KDS, certificate profile: its name, kind and product are the report’s',
  'sev.vek-chain':
    'RFC 5280 section 6.1; KDS: RSA-PSS chain through AMD’s authority to the pinned root',
  'sev.crl-signature': 'RFC 5280 section 6.3.3: the revocation list is signed by the pinned root',
  'sev.not-revoked': 'RFC 5280 section 6.3.3: no certificate of the chain is listed',
  'sev.vek-tcb': 'KDS, extensions: each security version equals that of REPORTED_TCB',
  'sev.vek-chip': 'KDS, hwID: equals CHIP_ID',
  'sev.report-signature': 'ABI, report signing: ECDSA P-384 with SHA-384 over bytes 0 to 0x29F',
  'sev.crl': 'RFC 5280 section 6.3.3: a revocation list is at hand and in its dates',
  'sev.crl-number': 'RFC 5280 section 5.2.3: at least the number that the release has seen',
  'sev.version': 'ABI, ATTESTATION_REPORT: a report version that the policy lists',
  'sev.tcb-order': 'ABI, TCB versions: reported ≤ committed ≤ launch ≤ current, part by part',
  'sev.firmware-committed': 'ABI, SNP_COMMIT: the running firmware is committed',
  'sev.tcb-floor': 'SB: reported, committed and launch TCB reach the policy’s floor, part by part',
  'sev.firmware-floor': 'SB: the committed firmware version reaches the policy’s floor',
  'sev.guest-policy-reserved': 'ABI, guest policy: bit 17 is one, bits 26 to 63 are zero',
  'sev.debug': 'ABI, guest policy: DEBUG is off',
  'sev.migration': 'ABI, guest policy: MIGRATE_MA is off',
  'sev.guest-policy':
    'ABI, guest policy: nothing forbidden is permitted, nothing demanded is missing',
  'sev.abi': 'ABI, guest policy: the demanded ABI version',
  'sev.alias-check': 'SB-3015 (BadRAM): ALIAS_CHECK_COMPLETE',
  'sev.platform-info': 'ABI, PLATFORM_INFO: what the policy demands is on, what it forbids is off',
  'sev.vmpl': 'ABI, VMPL: a privilege level that the policy lists',
  'sev.mitigations': 'ABI, mitigation vectors: the demanded bits at launch and now',
  'sev.guest-svn': 'ABI, GUEST_SVN: at least the policy’s',
  'sev.vlek-csp': 'KDS, VLEK: signed for a cloud that the policy pins',
  'sev.pins': 'ABI, guest-owner fields: host data, ids and key digests equal the pins',
} as const satisfies CheckTable
