import type { Signer } from '../der.ts'
import type { IntelCrlOptions } from '../intel.ts'
import type { PckOptions } from '../intel-certificates.ts'
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

export const GOOD_TDX: readonly TdxRecipe[] = [
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

export const TDX_STATUSES: readonly TdxRecipe[] = [
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
