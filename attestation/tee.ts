import type { UnixSeconds } from '#base/brand.ts'
import { type Bytes, hex } from '#base/bytes.ts'
import type { TrustAnchors } from './anchors.ts'
import type { Check } from './checks.ts'
import type { Collateral } from './collateral/entry.ts'
import type { TeeEvidence } from './evidence.ts'
import type { ImagePreimage } from './hashes.ts'
import type { Policy } from './policy.ts'
import { appraiseSev } from './sev/appraise.ts'
import type { SevEvidence } from './sev/evidence.ts'
import { proveSev } from './sev/prove.ts'
import { tcbText } from './sev/tcb.ts'
import { appraiseTdx } from './tdx/appraise.ts'
import type { TdxEvidence } from './tdx/evidence.ts'
import { proveTdx } from './tdx/prove.ts'
import { registersOf, type TdReport } from './tdx/reports.ts'

/** What every technology's proof comes down to for the common rules. */
export interface TeeSummary {
  readonly image: ImagePreimage
  readonly registers: Readonly<Record<string, string>>
  readonly reportData: Bytes
  readonly tcb: string
  readonly tcbUpToDate: boolean
  readonly advisories: readonly string[]
  /** Certified id of the processor; undefined when nothing certifies one. */
  readonly hardware: string | undefined
}

export type TeeOutcome =
  | { readonly proven: false; readonly checks: readonly Check[] }
  | {
      readonly proven: true
      readonly checks: readonly Check[]
      readonly summary: TeeSummary
      readonly validUntil: UnixSeconds | undefined
    }

export interface TeeInput {
  readonly collateral: Collateral
  readonly now: UnixSeconds
  readonly anchors: TrustAnchors
  readonly policy: Policy
}

/** Proves and appraises TEE evidence by the verifier of its technology. */
export function verifyTee(evidence: TeeEvidence, input: TeeInput): Promise<TeeOutcome> {
  return evidence.technology === 'tdx' ? verifyTdx(evidence, input) : verifySev(evidence, input)
}

/** The image and the report data as the evidence claims them, before any proof: for cheap refusals (M7). */
export function previewTee(evidence: TeeEvidence): Pick<TeeSummary, 'image' | 'reportData'> {
  if (evidence.technology === 'tdx') {
    const { report } = evidence.quote
    return { image: tdxImage(report), reportData: report.reportData }
  }
  const { measurement, reportData } = evidence.report
  return { image: { technology: 'sev-snp', measurement }, reportData }
}

async function verifySev(evidence: SevEvidence, input: TeeInput): Promise<TeeOutcome> {
  const { collateral, now, anchors, policy } = input
  const proof = await proveSev({ evidence, collateral, now, anchors: anchors.sev })
  if (!proof.proven) return proof
  const { facts } = proof
  const { measurement, hostData, reportData } = facts.report
  const appraisal = appraiseSev(facts, policy.sev)
  const summary: TeeSummary = {
    image: { technology: 'sev-snp', measurement },
    registers: { measurement: hex(measurement), host_data: hex(hostData) },
    reportData,
    tcb: `${facts.product} ${tcbText(facts.tcb.reported)}`,
    // The vendor publishes no status: up to date is what meets the policy's floor.
    tcbUpToDate: appraisal.every(({ id, status }) => id !== 'sev.tcb-floor' || status === 'pass'),
    advisories: [],
    hardware: facts.chip,
  }
  const checks = [...proof.checks, ...appraisal]
  return { proven: true, checks, summary, validUntil: proof.validUntil }
}

async function verifyTdx(evidence: TdxEvidence, input: TeeInput): Promise<TeeOutcome> {
  const { collateral, now, anchors, policy } = input
  const proof = await proveTdx({ evidence, collateral, now, anchors: anchors.intel })
  if (!proof.proven) return proof
  const { facts } = proof
  const { report, tcb, evaluationNumbers } = facts
  const summary: TeeSummary = {
    image: tdxImage(report),
    registers: registersOf(report),
    reportData: report.reportData,
    tcb: `${tcb.status} (evaluation ${evaluationNumbers.tcbInfo})`,
    tcbUpToDate: tcb.status === 'UpToDate',
    advisories: tcb.advisories,
    hardware: facts.platform,
  }
  const checks = [...proof.checks, ...appraiseTdx(facts, policy.tdx)]
  return { proven: true, checks, summary, validUntil: proof.validUntil }
}

/** RTMR0 holds what the host chose (memory size, tables) and RTMR3 what ran later: neither is the image. */
function tdxImage({ mrtd, rtmr1, rtmr2 }: TdReport): TeeSummary['image'] {
  return { technology: 'tdx', mrtd, rtmr1, rtmr2 }
}
