import type { CheckTable } from '../checks.ts'

/**
 * Check → public source and what it demands. QUOTE is Intel's TDX DCAP Quoting Library API (quote format), PCK the
 * Intel SGX PCK Certificate and CRL Profile, PCS the Intel PCS API version 4, QVL Intel's Quote Verification
 * Library, TDX the Intel TDX Module ABI.
 */
export const TDX_CHECKS = {
  'tdx.qe-vendor': 'QUOTE, header: the quoting enclave is Intel’s',
  'tdx.pck-chain': 'PCK; RFC 5280 section 6.1: PCK certificate, its authority, the pinned root',
  'tdx.root-crl': 'RFC 5280 section 6.3.3: the root’s revocation list, signed and in its dates',
  'tdx.pck-crl': 'RFC 5280 section 6.3.3: the list of the PCK certificate’s own issuer, likewise',
  'tdx.not-revoked':
    'RFC 5280 section 6.3.3: neither the PCK certificate nor its authority is listed',
  'tdx.tcb-info': 'PCS, TCB info: signed by Intel over the bytes received, in its dates',
  'tdx.qe-identity': 'PCS, QE identity: signed by Intel over the bytes received, in its dates',
  'tdx.tcb-signer-not-revoked': 'RFC 5280 section 6.3.3: the signers of both are not listed',
  'tdx.tcb-info-subject': 'PCS, TCB info: of this TEE, FMSPC and PCE',
  'tdx.qe-report-signature': 'QUOTE, QE report: ECDSA P-256 by the PCK key',
  'tdx.key-binding': 'QUOTE, QE report: it binds the attestation key and the QE’s data, no more',
  'tdx.qe': 'QVL, EnclaveReportVerifier: the quoting enclave is the one that Intel names',
  'tdx.quote-signature':
    'QUOTE, signature: ECDSA P-256 by the attestation key over header and body',
  'tdx.module': 'QVL, TdxModuleCheck: signer and attributes of the TDX module are Intel’s',
  'tdx.tcb-match': 'QVL, TcbLevelCheck: the levels of platform, module and QE are found and merged',
  'tdx.event-log': 'TDX, RTMR extend: the event log replays to RTMR3',
  'tdx.version': 'QUOTE, header: a quote version that the policy lists',
  'tdx.tcb-status': 'QVL, TCB status: one that the policy accepts',
  'tdx.advisories': 'PCS, advisoryIDs: only those that the policy tolerates',
  'tdx.tcb-date': 'PCS, tcbDate: at least the policy’s',
  'tdx.tcb-eval-number':
    'PCS, tcbEvaluationDataNumber: of TCB info and QE identity, at least the policy’s',
  'tdx.tcb-svn': 'TDX, TEE_TCB_SVN: at least the policy’s, part by part',
  'tdx.fmspc': 'PCK, FMSPC: one that the policy lists',
  'tdx.debug': 'TDX, ATTRIBUTES.DEBUG is off',
  'tdx.reserved': 'TDX, ATTRIBUTES: reserved bits are zero',
  'tdx.sept-ve-disable': 'TDX, ATTRIBUTES.SEPT_VE_DISABLE is on: a Linux guest needs it',
  'tdx.migratable': 'TDX, ATTRIBUTES.MIGRATABLE is off',
  'tdx.perfmon': 'TDX, ATTRIBUTES.PERFMON is off',
  'tdx.attributes': 'TDX, ATTRIBUTES: no other attribute than the policy allows',
  'tdx.xfam': 'TDX, XFAM: the fixed bits',
  'tdx.service-td': 'TDX, SERVTD_HASH: no service TD but those that the policy lists',
  'tdx.config': 'TDX, MRCONFIGID, MROWNER, MROWNERCONFIG: zero unless pinned',
  'tdx.rtmr3': 'TDX, RTMR3: zero, pinned, or replayed from events that the policy lists',
  'tdx.pins': 'TDX, TDREPORT fields: equal the pins',
} as const satisfies CheckTable
