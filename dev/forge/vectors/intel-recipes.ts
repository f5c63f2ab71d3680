import type { Signer } from '../der.ts'
import type { IntelCrlOptions } from '../intel.ts'
import { FORGED_SERIALS, intelName, type PckOptions } from '../intel-certificates.ts'
import type { TdxQuoteFields } from '../intel-quote.ts'
import { type QeIdentityJson, svnLevel, type TcbInfoJson } from '../intel-tcb.ts'

/** One forged TDX vector: what is broken, and the class under which it must be refused. */
export interface TdxRecipe {
  readonly id: string
  readonly what: string
  readonly reject?: string
  readonly waive?: readonly string[]
  readonly quote?: Partial<TdxQuoteFields>
  readonly pck?: PckOptions
  readonly tcbInfo?: (info: TcbInfoJson) => void
  readonly tcbInfoSigner?: Signer
  readonly qeIdentity?: (identity: QeIdentityJson) => void
  readonly pckCrl?: IntelCrlOptions
  readonly rootCrl?: IntelCrlOptions
  /** Seconds added to the clock. */
  readonly later?: number
  readonly expect?: Readonly<Record<string, unknown>>
}

const YEAR_SECONDS = 31_536_000
const SEPT = 1n << 28n
const OLD_MODULE = Uint8Array.of(4, 1, 3)
const NEW_MODULE = Uint8Array.of(6, 1, 3)

/** Gives the newest platform level another status. */
function newest(tcbStatus: string): (info: TcbInfoJson) => void {
  return ({ tcbLevels: [level] }) => {
    if (level !== undefined) level.tcbStatus = tcbStatus
  }
}

function status(tcb_status: string, waived = false): Partial<TdxRecipe> {
  const expect = { tcb_status }
  return waived ? { expect, waive: ['tcb-status'] } : { expect, reject: 'tcb-status' }
}

const GOOD: readonly TdxRecipe[] = [
  { id: 'good-v4', what: 'version 4', expect: { tcb_status: 'UpToDate' } },
  {
    id: 'good-v5',
    what: 'version 5, TDX 1.5 body',
    quote: { version: 5 },
    expect: { body_type: 3 },
  },
  {
    id: 'good-v5-td10',
    what: 'version 5, TDX 1.0 body',
    quote: { version: 5, format: '1.0' },
    expect: { body_type: 2 },
  },
  { id: 'good-qe-data', what: 'QE data of 7 bytes', quote: { qeAuthData: new Uint8Array(7) } },
  {
    id: 'good-trailing',
    what: 'bytes after the declared end',
    quote: { trailing: Uint8Array.of(1, 2, 3) },
    expect: { trailing_bytes: 3, trailing_nonzero: true },
  },
  {
    id: 'good-unsorted',
    what: 'levels in another order',
    tcbInfo: (info) => info.tcbLevels.reverse(),
  },
  {
    id: 'good-module-major-0',
    what: 'module of major version 0',
    quote: { teeTcbSvn: Uint8Array.of(6, 0, 3) },
  },
]

const STATUSES: readonly TdxRecipe[] = [
  { id: 'revoked', what: 'platform revoked', tcbInfo: newest('Revoked'), ...status('Revoked') },
  {
    id: 'configuration',
    what: 'configuration needed',
    tcbInfo: newest('ConfigurationNeeded'),
    ...status('ConfigurationNeeded'),
  },
  {
    id: 'sw-hardening-waived',
    what: 'hardening needed, by policy',
    tcbInfo: newest('SWHardeningNeeded'),
    ...status('SWHardeningNeeded', true),
  },
  {
    id: 'old-module',
    what: 'module out of date',
    quote: { teeTcbSvn: OLD_MODULE },
    ...status('OutOfDate'),
  },
  {
    id: 'old-module-configuration',
    what: 'module out of date, configuration needed',
    quote: { teeTcbSvn: OLD_MODULE },
    tcbInfo: newest('ConfigurationNeeded'),
    ...status('OutOfDateConfigurationNeeded'),
  },
  {
    id: 'old-qe',
    what: 'quoting enclave out of date',
    quote: { qe: { isvSvn: 2 } },
    ...status('OutOfDate'),
  },
  {
    id: 'qe-revoked',
    what: 'quoting enclave revoked',
    qeIdentity: (identity) => {
      identity.tcbLevels = [svnLevel(1, '2025-01-01T00:00:00Z', 'Revoked')]
    },
    ...status('Revoked'),
  },
  {
    id: 'qe-not-supported',
    what: 'quoting enclave below every level',
    quote: { qe: { isvSvn: 1 } },
    ...status('NotSupported'),
  },
  {
    id: 'relaunch',
    what: 'TD relaunch advised',
    quote: { version: 5, teeTcbSvn: OLD_MODULE, teeTcbSvn2: NEW_MODULE },
    ...status('TDRelaunchAdvised'),
  },
  {
    id: 'relaunch-configuration',
    what: 'TD relaunch advised, configuration needed',
    quote: { version: 5, teeTcbSvn: OLD_MODULE, teeTcbSvn2: NEW_MODULE },
    tcbInfo: newest('ConfigurationNeeded'),
    ...status('TDRelaunchAdvisedConfigurationNeeded'),
  },
]

/** All vectors. @param stranger a key that signs for nobody here */
export function tdxRecipes(stranger: Signer): readonly TdxRecipe[] {
  return [
    ...GOOD,
    ...STATUSES,
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
