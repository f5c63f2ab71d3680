import type { UnixSeconds } from '#base/brand.ts'
import type { Bytes } from '#base/bytes.ts'
import { AttestationError } from '../errors.ts'
import type { PckFacts } from './pck.ts'
import type { PlatformLevel, SvnLevel, TcbInfo } from './tcb-info.ts'
import {
  type ComponentStatus,
  mergeStatus,
  needsConfiguration,
  type PlatformStatus,
  type TcbStatus,
} from './tcb-status.ts'

/** How up to date a machine is, from its three parts, by Intel's rules. */
export interface TcbOutcome {
  readonly status: TcbStatus
  readonly platform: PlatformStatus | 'NotSupported'
  /** The TDX module; for SGX `UpToDate`, since there is none. */
  readonly module: ComponentStatus | 'NotSupported'
  readonly qe: ComponentStatus | 'NotSupported'
  /** Union over the levels that were chosen, sorted. */
  readonly advisories: readonly string[]
  /** The earliest date of the levels that were chosen; undefined when none was. */
  readonly date: UnixSeconds | undefined
}

export interface TcbInput {
  readonly tcbInfo: TcbInfo
  readonly pck: Pick<PckFacts, 'components' | 'pceSvn'>
  /** TEE_TCB_SVN of the TD report; undefined for SGX. */
  readonly teeTcbSvn: Bytes | undefined
  /** TEE_TCB_SVN_2 of a TDX 1.5 report: the module that would run after a relaunch. */
  readonly teeTcbSvn2: Bytes | undefined
  /** The quoting enclave's levels and its ISVSVN. */
  readonly qe: { readonly levels: readonly SvnLevel[]; readonly isvSvn: number }
}

/**
 * Finds each part's level and merges the three statuses:
 * 1. the platform's level, by PCK certificate and TEE_TCB_SVN;
 * 2. the TDX module's level, when its major version has an identity of its own;
 * 3. the quoting enclave's level;
 * 4. platform and module together, a relaunch advised where that alone would help, then the quoting enclave.
 * @see Intel PCS API version 4, "Get TDX TCB Info", TCB status evaluation; Intel QVL, TcbLevelCheck
 * @throws AttestationError module-identity when a module's identity is missing
 */
export function matchTcb(input: TcbInput): TcbOutcome {
  const { sgx, chosen } = matchPlatform(input)
  const module = matchModule(input)
  const qe = matchSvn(input.qe.levels, input.qe.isvSvn)
  const moduleStatus = module === 'none' ? 'UpToDate' : (module?.status ?? 'NotSupported')
  const qeStatus = qe?.status ?? 'NotSupported'
  const levels = [chosen, module === 'none' ? undefined : module, qe].filter(
    (level) => level !== undefined,
  )
  return {
    status: converge(input, sgx, chosen, moduleStatus, qeStatus),
    platform: chosen?.status ?? 'NotSupported',
    module: moduleStatus,
    qe: qeStatus,
    advisories: [...new Set(levels.flatMap(({ advisories }) => advisories))].sort(),
    date: levels.reduce<UnixSeconds | undefined>(
      (least, { date }) => (least === undefined || date < least ? date : least),
      undefined,
    ),
  }
}

interface PlatformMatch {
  /** The newest level that the PCK certificate reaches. */
  readonly sgx: PlatformLevel | undefined
  /** The newest of those that TEE_TCB_SVN reaches too. */
  readonly chosen: PlatformLevel | undefined
}

function matchPlatform({ tcbInfo, pck, teeTcbSvn }: TcbInput): PlatformMatch {
  const reached = tcbInfo.levels.filter(
    (level) => pck.pceSvn >= level.pceSvn && reaches(pck.components, level.sgx, 0),
  )
  const [sgx] = reached
  if (teeTcbSvn === undefined) return { sgx, chosen: sgx }
  // Components 0 and 1 are the module's: with a major version of its own they are judged by its identity.
  const from = moduleMajor(teeTcbSvn) > 0 ? 2 : 0
  return { sgx, chosen: reached.find((level) => reaches([...teeTcbSvn], level.tdx, from)) }
}

function reaches(actual: readonly number[], needed: readonly number[], from: number): boolean {
  return (
    actual.length === needed.length &&
    needed.every((svn, i) => i < from || (actual[i] ?? -1) >= svn)
  )
}

/** @returns 'none' for a module without an identity of its own; undefined when it is below every level */
function matchModule({ tcbInfo, teeTcbSvn }: TcbInput): SvnLevel | 'none' | undefined {
  if (teeTcbSvn === undefined || moduleMajor(teeTcbSvn) === 0) return 'none'
  return matchSvn(moduleLevels(tcbInfo, moduleMajor(teeTcbSvn)), teeTcbSvn[0] ?? 0)
}

function matchSvn(levels: readonly SvnLevel[], svn: number): SvnLevel | undefined {
  return levels.find(({ isvSvn }) => svn >= isvSvn)
}

function moduleMajor(teeTcbSvn: Bytes): number {
  return teeTcbSvn[1] ?? 0
}

function moduleLevels({ modules }: TcbInfo, major: number): readonly SvnLevel[] {
  const identity = modules.get(major)
  if (identity === undefined) {
    throw new AttestationError('module-identity', `no identity for TDX module ${major}`)
  }
  return identity.levels
}

function converge(
  input: TcbInput,
  sgx: PlatformLevel | undefined,
  chosen: PlatformLevel | undefined,
  module: ComponentStatus | 'NotSupported',
  qe: ComponentStatus | 'NotSupported',
): TcbStatus {
  if (sgx === undefined || chosen === undefined) return 'NotSupported'
  const merged = mergeStatus(chosen.status, module)
  if (merged === 'NotSupported') return merged
  const relaunched = canRelaunch(input, sgx.status, merged, module, qe)
    ? relaunchAdvised(sgx.status, merged)
    : merged
  return mergeStatus(relaunched, qe)
}

const RELAUNCH_SGX: ReadonlySet<TcbStatus> = new Set([
  'UpToDate',
  'SWHardeningNeeded',
  'ConfigurationNeeded',
  'ConfigurationAndSWHardeningNeeded',
])

/**
 * Whether only the running module is old: the platform is fine and a newer module is loaded already, so that a
 * restart of the TD would make it up to date. @see Intel QVL, TDRelaunchCheck
 */
function canRelaunch(
  { tcbInfo, teeTcbSvn2 }: TcbInput,
  sgx: PlatformStatus,
  merged: TcbStatus,
  module: ComponentStatus | 'NotSupported',
  qe: ComponentStatus | 'NotSupported',
): boolean {
  if (teeTcbSvn2 === undefined || qe !== 'UpToDate' || module !== 'OutOfDate') return false
  if (!RELAUNCH_SGX.has(sgx)) return false
  if (merged !== 'OutOfDate' && merged !== 'OutOfDateConfigurationNeeded') return false
  const [latest] = tcbInfo.levels
  const [svn = 0, major = 0, microcode = 0] = teeTcbSvn2
  const newest = major === 0 ? latest?.tdx[0] : moduleLevels(tcbInfo, major)[0]?.isvSvn
  const needed = latest?.tdx[2]
  return newest !== undefined && needed !== undefined && svn >= newest && microcode >= needed
}

function relaunchAdvised(sgx: PlatformStatus, merged: TcbStatus): TcbStatus {
  const configuration = needsConfiguration(sgx) || needsConfiguration(merged)
  return configuration ? 'TDRelaunchAdvisedConfigurationNeeded' : 'TDRelaunchAdvised'
}
