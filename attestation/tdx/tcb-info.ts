import type { UnixSeconds } from '#base/brand.ts'
import { type Bytes, hex } from '#base/bytes.ts'
import { demand } from '../errors.ts'
import { arrayField, type JsonObject, objectField, optionalField } from '../fields.ts'
import {
  advisoriesField,
  countField,
  hexField,
  labelField,
  levelsField,
  statusField,
  timeField,
} from './tcb-fields.ts'
import {
  COMPONENT_STATUSES,
  type ComponentStatus,
  PLATFORM_STATUSES,
  type PlatformStatus,
} from './tcb-status.ts'

/** What Intel says of one FMSPC. @see Intel PCS API version 4, "Get TDX TCB Info" */
export interface TcbInfo {
  /** "SGX" or "TDX"; version 2 has no id and is always SGX. */
  readonly id: string
  readonly version: number
  readonly issueDate: UnixSeconds
  readonly nextUpdate: UnixSeconds
  /** Hex, lower case. */
  readonly fmspc: string
  readonly pceId: string
  readonly tcbType: number
  readonly evaluationNumber: number
  /** The module identity for TDX modules of major version 0. */
  readonly module: ModuleSigner | undefined
  /** By major version. */
  readonly modules: ReadonlyMap<number, ModuleIdentity>
  /** Newest first, whatever their order in the document. */
  readonly levels: readonly PlatformLevel[]
}

export interface ModuleSigner {
  readonly mrSigner: Bytes
  readonly attributes: Bytes
  readonly attributesMask: Bytes
}

export interface ModuleIdentity extends ModuleSigner {
  readonly id: string
  /** Newest first. */
  readonly levels: readonly SvnLevel[]
}

/** A level of a TDX module or a quoting enclave. */
export interface SvnLevel {
  readonly isvSvn: number
  readonly status: ComponentStatus
  readonly date: UnixSeconds
  readonly advisories: readonly string[]
}

export interface PlatformLevel {
  /** 16 security versions. */
  readonly sgx: readonly number[]
  readonly pceSvn: number
  /** 16 security versions; empty in SGX TCB info. */
  readonly tdx: readonly number[]
  readonly status: PlatformStatus
  readonly date: UnixSeconds
  readonly advisories: readonly string[]
}

const COMPONENTS = 16
const MAX_LISTED = 64
const MAX_SVN = 255
const MAX_U16 = 65_535
const MAX_MODULES = 64
const MAX_NUMBER = 1_000_000
const MODULE_ID = /^TDX_([0-9A-F]{2})$/i

/** @throws AttestationError parse (or too-large) for anything but the documented form */
export function parseTcbInfo(value: unknown): TcbInfo {
  const info = objectField(value, 'TCB info')
  const version = countField(info, 'version', MAX_U16)
  demand(version === 2 || version === 3, 'version', `TCB info version ${version}`)
  const id = version === 2 ? 'SGX' : labelField(info, 'id')
  return {
    id,
    version,
    issueDate: timeField(info, 'issueDate'),
    nextUpdate: timeField(info, 'nextUpdate'),
    fmspc: hex(hexField(info, 'fmspc', 6)),
    pceId: hex(hexField(info, 'pceId', 2)),
    tcbType: countField(info, 'tcbType', MAX_U16),
    evaluationNumber: countField(info, 'tcbEvaluationDataNumber', MAX_NUMBER),
    module: optionalField(info['tdxModule'], (module) => {
      return parseSigner(objectField(module, 'tdxModule'))
    }),
    modules: parseModules(info),
    levels: parseLevels(info, version, id),
  }
}

function parseSigner(module: JsonObject): ModuleSigner {
  return {
    mrSigner: hexField(module, 'mrsigner', 48),
    attributes: hexField(module, 'attributes', 8),
    attributesMask: hexField(module, 'attributesMask', 8),
  }
}

function parseModules(info: JsonObject): TcbInfo['modules'] {
  const modules = new Map<number, ModuleIdentity>()
  const list = optionalField(info['tdxModuleIdentities'], (value) =>
    arrayField(value, 'tdxModuleIdentities', MAX_MODULES),
  )
  for (const entry of list ?? []) {
    const module = objectField(entry, 'TDX module identity')
    const id = labelField(module, 'id')
    const major = MODULE_ID.exec(id)?.[1]
    demand(major !== undefined, 'parse', 'TDX module identity has another id')
    const key = Number.parseInt(major, 16)
    demand(!modules.has(key), 'parse', 'TDX module identity appears twice')
    modules.set(key, { id, ...parseSigner(module), levels: parseSvnLevels(module) })
  }
  return modules
}

/** Levels by ISVSVN, newest first; two for one SVN would leave the status to chance. */
export function parseSvnLevels(object: JsonObject): readonly SvnLevel[] {
  const levels = levelsField(object).map((entry): SvnLevel => {
    const level = objectField(entry, 'TCB level')
    return {
      isvSvn: countField(objectField(level['tcb'], 'tcb'), 'isvsvn', MAX_U16),
      status: statusField(level, COMPONENT_STATUSES),
      date: timeField(level, 'tcbDate'),
      advisories: advisoriesField(level),
    }
  })
  const unique = new Set(levels.map(({ isvSvn }) => isvSvn)).size === levels.length
  demand(unique, 'parse', 'two TCB levels for one ISVSVN')
  return levels.sort((a, b) => b.isvSvn - a.isvSvn)
}

function parseLevels(info: JsonObject, version: number, id: string): readonly PlatformLevel[] {
  const levels = levelsField(info).map((entry): PlatformLevel => {
    const level = objectField(entry, 'TCB level')
    const tcb = objectField(level['tcb'], 'tcb')
    return {
      sgx: version === 2 ? legacyComponents(tcb) : components(tcb, 'sgxtcbcomponents'),
      pceSvn: countField(tcb, 'pcesvn', MAX_U16),
      tdx: id === 'TDX' ? components(tcb, 'tdxtcbcomponents') : [],
      status: statusField(level, PLATFORM_STATUSES),
      date: timeField(level, 'tcbDate'),
      advisories: advisoriesField(level),
    }
  })
  levels.sort((a, b) => compareLevels(b, a))
  for (const [i, level] of levels.slice(1).entries()) {
    const above = levels[i]
    const differs = above !== undefined && compareLevels(above, level) !== 0
    demand(differs, 'parse', 'two TCB levels with the same versions')
  }
  return levels
}

/** Exactly 16: a shorter list must not pass by comparing fewer. */
function components(tcb: JsonObject, key: string): readonly number[] {
  const list = arrayField(tcb[key], key, MAX_LISTED)
  demand(list.length === COMPONENTS, 'parse', `${key} has ${list.length} entries`)
  return list.map((entry) => countField(objectField(entry, key), 'svn', MAX_SVN))
}

/** Version 2 names its components one by one. */
function legacyComponents(tcb: JsonObject): readonly number[] {
  return Array.from({ length: COMPONENTS }, (_, i) =>
    countField(tcb, `sgxtcbcomp${String(i + 1).padStart(2, '0')}svn`, MAX_SVN),
  )
}

/** By SGX components, then PCESVN, then TDX components. @see Intel QVL, TcbLevel::operator> */
function compareLevels(a: PlatformLevel, b: PlatformLevel): number {
  return compareLists(a.sgx, b.sgx) || a.pceSvn - b.pceSvn || compareLists(a.tdx, b.tdx)
}

function compareLists(a: readonly number[], b: readonly number[]): number {
  for (const [i, value] of a.entries()) {
    const difference = value - (b[i] ?? 0)
    if (difference !== 0) return difference
  }
  return 0
}
