import { type Bytes, fromHex, hex } from '#base/bytes.ts'
import { type Check, Checklist } from '../checks.ts'
import { TDX_CHECKS } from './checks.ts'
import { TD_ATTRIBUTES, type TdAttribute, type TdxPinField, type TdxPolicy } from './policy.ts'
import type { TdxFacts } from './prove.ts'
import type { TdReport } from './reports.ts'
import { ACCEPTABLE_STATUSES } from './tcb-status.ts'

type List = Checklist<typeof TDX_CHECKS>

/**
 * Holds proven facts against a policy and collects every rule that they break. Measurement and report data are
 * common to all technologies and judged outside.
 */
export function appraiseTdx(facts: TdxFacts, policy: TdxPolicy): readonly Check[] {
  const list = new Checklist(TDX_CHECKS)
  judgePlatform(list, facts, policy)
  judgeTcb(list, facts, policy)
  judgeAttributes(list, facts.report, policy)
  judgeXfam(list, facts.report)
  judgeIdentity(list, facts, policy)
  judgeRtmr3(list, facts, policy)
  return list.checks
}

function judgePlatform(list: List, { version, pck }: TdxFacts, policy: TdxPolicy): void {
  const known = policy.versions.includes(version)
  list.judge('tdx.version', known, 'version', `quote version ${version}`)
  const listed = policy.fmspcs === 'any' || policy.fmspcs.includes(pck.fmspc)
  list.judge('tdx.fmspc', listed, 'fmspc-mismatch', `FMSPC ${pck.fmspc}`)
}

function judgeTcb(list: List, facts: TdxFacts, policy: TdxPolicy): void {
  const { status, platform, module, qe, advisories, date } = facts.tcb
  // A policy may come from data that no compiler saw: it cannot list Revoked or NotSupported.
  const accepted = ACCEPTABLE_STATUSES.some(
    (acceptable) => acceptable === status && policy.statuses.includes(acceptable),
  )
  const parts = `${status} (platform ${platform}, module ${module}, quoting enclave ${qe})`
  const ids = advisories.join()
  const detail = ids === '' ? parts : `${parts}: ${ids}`
  list.judge('tdx.tcb-status', accepted, 'tcb-status', detail)
  if (!accepted) list.skip('tdx.advisories', 'the status is refused whatever its advisories')
  else if (status === 'UpToDate') list.skip('tdx.advisories', 'the TCB is up to date')
  else {
    const foreign = advisories.filter((id) => !policy.advisories.includes(id))
    list.judge('tdx.advisories', foreign.length === 0, 'tcb-status', foreign.join())
  }
  if (policy.minTcbDate === 0) list.skip('tdx.tcb-date', 'the policy demands none')
  else {
    const recent = date !== undefined && date >= policy.minTcbDate
    list.judge('tdx.tcb-date', recent, 'tcb-floor', `TCB date ${date}`)
  }
  const { tcbInfo, qeIdentity } = facts.evaluationNumbers
  const number = Math.min(tcbInfo, qeIdentity)
  const wanted = `evaluation number ${number}, at least ${policy.minEvaluationNumber} demanded`
  const current = number >= policy.minEvaluationNumber
  list.judge('tdx.tcb-eval-number', current, 'tcb-eval-number', wanted)
  const floor = fromHex(policy.minTeeTcbSvn)
  const reached = floor.every((least, i) => (facts.report.teeTcbSvn[i] ?? -1) >= least)
  const svn = `TEE_TCB_SVN ${hex(facts.report.teeTcbSvn)}, at least ${policy.minTeeTcbSvn} demanded`
  list.judge('tdx.tcb-svn', reached, 'tcb-floor', svn)
}

/** Attributes without a check of their own. */
const OTHERS = ['pks', 'keyLocker'] as const satisfies readonly TdAttribute[]

function judgeAttributes(list: List, report: TdReport, policy: TdxPolicy): void {
  const bits = littleEndian(report.tdAttributes)
  const has = (name: TdAttribute): boolean => ((bits >> BigInt(TD_ATTRIBUTES[name])) & 1n) === 1n
  const allowed = (name: TdAttribute): boolean => !has(name) || policy.attributes.includes(name)
  const text = `attributes 0x${bits.toString(16)}`
  list.judge('tdx.debug', allowed('debug'), 'policy-debug', text)
  list.judge('tdx.perfmon', allowed('perfmon'), 'policy-perfmon', text)
  if (report.format === '1.0') list.skip('tdx.migratable', 'TDX 1.0 has no migration')
  else list.judge('tdx.migratable', allowed('migratable'), 'policy-migrate', text)
  const reserved = bits & ~definedBits(report.format)
  list.judge('tdx.reserved', reserved === 0n, 'reserved-bits', text)
  const disabled = has('septVeDisable')
  if (!disabled && policy.septVeDisable === 'optional') {
    list.skip('tdx.sept-ve-disable', 'the policy does not demand it')
  } else list.judge('tdx.sept-ve-disable', disabled, 'sept-ve-disable', text)
  const wrong = OTHERS.filter((name) => !allowed(name))
  list.judge('tdx.attributes', wrong.length === 0, 'pin-mismatch', `${text}: ${wrong.join()}`)
}

/** MIGRATABLE is a reserved bit in TDX 1.0. */
function definedBits(format: TdReport['format']): bigint {
  const names = Object.entries(TD_ATTRIBUTES).filter(
    ([name]) => format === '1.5' || name !== 'migratable',
  )
  return names.reduce((mask, [, bit]) => mask | (1n << BigInt(bit)), 0n)
}

/** Bits that every TD has (x87 and SSE), and all that may be set. @see Intel TDX Module ABI, XFAM */
const XFAM_FIXED_ONE = 0x3n
const XFAM_MAY_BE_ONE = 0x6dbe7n

function judgeXfam(list: List, { xfam }: TdReport): void {
  const bits = littleEndian(xfam)
  const fixed = (bits & XFAM_FIXED_ONE) === XFAM_FIXED_ONE && (bits & ~XFAM_MAY_BE_ONE) === 0n
  list.judge('tdx.xfam', fixed, 'xfam', `XFAM 0x${bits.toString(16)}`)
}

const CONFIG_FIELDS = ['mrConfigId', 'mrOwner', 'mrOwnerConfig'] as const

function judgeIdentity(list: List, facts: TdxFacts, policy: TdxPolicy): void {
  const { report } = facts
  judgeServiceTd(list, report, policy)
  const pinned = (field: TdxPinField): boolean => policy.pins.some((pin) => pin.field === field)
  const loose = CONFIG_FIELDS.filter((field) => !pinned(field) && !isZero(report[field]))
  const set = `${loose.join()} set but not pinned`
  list.judge('tdx.config', loose.length === 0, 'pin-mismatch', set)
  const fields = { ...report, qeVendor: facts.qeVendor }
  const wrong = policy.pins.filter(({ field, values }) => !values.includes(hex(fields[field])))
  const names = wrong.map(({ field }) => field).join()
  list.judge('tdx.pins', wrong.length === 0, 'pin-mismatch', `${names} differ from the pins`)
}

/** Without MIGRATABLE, which either body shows, no service TD can carry this one’s state away. */
function judgeServiceTd(list: List, { format, mrServiceTd }: TdReport, policy: TdxPolicy): void {
  if (format === '1.0') {
    list.skip('tdx.service-td', 'a 1.0 body does not say whether one is bound')
    return
  }
  const listed = isZero(mrServiceTd) || policy.serviceTds.includes(hex(mrServiceTd))
  list.judge('tdx.service-td', listed, 'service-td', `service TD ${hex(mrServiceTd)}`)
}

/**
 * RTMR3 is extended by running software, often with what it runs: it must be zero, pinned, or made of listed
 * events only.
 */
function judgeRtmr3(list: List, { report, events }: TdxFacts, policy: TdxPolicy): void {
  if (events === undefined) {
    const pinned = policy.pins.some(({ field }) => field === 'rtmr3')
    const required = policy.events.some((event) => event.required)
    const settled = (pinned || isZero(report.rtmr3)) && !required
    list.judge('tdx.rtmr3', settled, 'event-log', 'RTMR3 is not explained by an event log')
    return
  }
  const wrong = new Set<string>()
  const seen = new Set<string>()
  for (const { name, payload } of events) {
    const rule = policy.events.find((event) => event.name === name)
    const listed = rule?.payloads === 'any' || rule?.payloads.includes(hex(payload)) === true
    if (!listed || seen.has(name)) wrong.add(name)
    seen.add(name)
  }
  for (const { name, required } of policy.events) if (required && !seen.has(name)) wrong.add(name)
  const detail = `events not as the policy lists them: ${[...wrong].join()}`
  list.judge('tdx.rtmr3', wrong.size === 0, 'event-log', detail)
}

function isZero(bytes: Bytes): boolean {
  return bytes.every((byte) => byte === 0)
}

/** 8 bytes as a number whose bit n is the specification's bit n. */
function littleEndian(bytes: Bytes): bigint {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength).getBigUint64(0, true)
}
