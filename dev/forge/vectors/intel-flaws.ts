import type { Signer } from '../der.ts'
import { FORGED_SERIALS, intelName } from '../intel-certificates.ts'
import type { TdxRecipe } from './intel-recipes.ts'

const YEAR_SECONDS = 31_536_000
const SEPT = 1n << 28n

/** One flaw each. @param stranger a key that signs for nobody here */
export function tdxFlaws(stranger: Signer): readonly TdxRecipe[] {
  return [
    {
      id: 'altered',
      what: 'body altered after signing',
      quote: { tamper: (quote) => quote.set([1], 300) },
      reject: 'signature',
    },
    {
      id: 'qe-by-stranger',
      what: 'QE report signed by another key',
      quote: { pckSigner: stranger },
      reject: 'qe-signature',
    },
    {
      id: 'qe-upper-half',
      what: 'data in the upper half of the QE’s report data',
      quote: { patchQe: (report) => report.set([1], 383) },
      reject: 'ak-binding',
    },
    {
      id: 'qe-debug',
      what: 'debug quoting enclave',
      quote: { qe: { attributes: Uint8Array.of(0x17, 0, 0, 0, 0, 0, 0, 0, 6) } },
      reject: 'qe-identity',
    },
    {
      id: 'qe-vendor',
      what: 'another QE vendor',
      quote: { qeVendor: new Uint8Array(16) },
      reject: 'qe-vendor',
    },
    {
      id: 'pck-by-stranger',
      what: 'PCK certificate signed by another key',
      pck: { signer: stranger },
      reject: 'chain',
    },
    {
      id: 'pck-revoked',
      what: 'PCK on the list',
      pckCrl: { revoked: [FORGED_SERIALS.pck] },
      reject: 'revocation',
    },
    {
      id: 'authority-revoked',
      what: 'authority on the root’s list',
      rootCrl: { revoked: [FORGED_SERIALS.authority] },
      reject: 'revocation',
    },
    {
      id: 'signer-revoked',
      what: 'TCB signer on the root’s list',
      rootCrl: { revoked: [FORGED_SERIALS.tcbSigning] },
      reject: 'revocation',
    },
    {
      id: 'crl-by-stranger',
      what: 'PCK list signed by another key',
      pckCrl: { signer: stranger },
      reject: 'crl-signature',
    },
    {
      id: 'crl-other-authority',
      what: 'list of the Processor CA',
      pckCrl: { issuer: intelName('Intel SGX PCK Processor CA') },
      reject: 'crl-signature',
    },
    {
      id: 'crl-expired',
      what: 'PCK list past its end',
      pckCrl: { nextUpdate: 1_760_000_000 },
      reject: 'crl-expired',
    },
    { id: 'pck-expired', what: 'eight years later', later: 8 * YEAR_SECONDS, reject: 'expired' },
    {
      id: 'tcb-info-by-stranger',
      what: 'TCB info signed by another key',
      tcbInfoSigner: stranger,
      reject: 'collateral-signature',
    },
    {
      id: 'tcb-info-expired',
      what: 'TCB info past its end',
      tcbInfo: (info) => {
        info.nextUpdate = '2025-11-30T00:00:00Z'
      },
      reject: 'collateral-expired',
    },
    {
      id: 'tcb-info-future',
      what: 'TCB info from the future',
      tcbInfo: (info) => {
        info.issueDate = '2025-12-02T00:00:00Z'
      },
      reject: 'collateral-expired',
    },
    {
      id: 'pce-id',
      what: 'TCB info of another PCE',
      tcbInfo: (info) => {
        info.pceId = '0001'
      },
      reject: 'fmspc-mismatch',
    },
    {
      id: 'components-15',
      what: '15 TDX components',
      tcbInfo: (info) => {
        for (const { tcb } of info.tcbLevels) tcb.tdxtcbcomponents.pop()
      },
      reject: 'parse',
    },
    {
      id: 'evaluation-17',
      what: 'an old evaluation',
      tcbInfo: (info) => {
        info.tcbEvaluationDataNumber = 17
      },
      reject: 'tcb-eval-number',
    },
    {
      id: 'module-signer',
      what: 'module of another signer',
      quote: { mrSignerSeam: Uint8Array.of(1) },
      reject: 'module-identity',
    },
    {
      id: 'module-missing',
      what: 'module without an identity',
      quote: { teeTcbSvn: Uint8Array.of(6, 9, 3) },
      reject: 'module-identity',
    },
    { id: 'debug', what: 'debug TD', quote: { tdAttributes: SEPT | 1n }, reject: 'policy-debug' },
    {
      id: 'perfmon',
      what: 'PERFMON',
      quote: { tdAttributes: SEPT | (1n << 63n) },
      reject: 'policy-perfmon',
    },
    {
      id: 'migratable',
      what: 'MIGRATABLE',
      quote: { version: 5, tdAttributes: SEPT | (1n << 29n) },
      reject: 'policy-migrate',
    },
    {
      id: 'reserved',
      what: 'a reserved attribute',
      quote: { tdAttributes: SEPT | (1n << 40n) },
      reject: 'reserved-bits',
    },
    {
      id: 'sept',
      what: 'no SEPT_VE_DISABLE',
      quote: { tdAttributes: 0n },
      reject: 'sept-ve-disable',
    },
    { id: 'xfam', what: 'XFAM without SSE', quote: { xfam: 1n }, reject: 'xfam' },
    {
      id: 'service-td',
      what: 'a service TD',
      quote: { version: 5, mrServiceTd: Uint8Array.of(1) },
      reject: 'service-td',
    },
    {
      id: 'config',
      what: 'MRCONFIGID set and not pinned',
      quote: { mrConfigId: Uint8Array.of(1) },
      reject: 'pin-mismatch',
    },
    {
      id: 'config-pinned',
      what: 'MRCONFIGID set and pinned',
      quote: { mrConfigId: Uint8Array.of(1) },
      waive: ['mrconfig-pin'],
    },
  ]
}
