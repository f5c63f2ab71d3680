import { type UnixSeconds, unixSeconds } from '#base/brand.ts'
import type { Bytes } from '#base/bytes.ts'
import { forgeIntel, type IntelForge } from '#dev/forge/intel.ts'
import type { TdxQuoteFields } from '#dev/forge/intel-quote.ts'
import type { QeIdentityJson, TcbInfoJson } from '#dev/forge/intel-tcb.ts'
import type { Check } from '../../checks.ts'
import type { Collateral, CollateralEntry } from '../../collateral/entry.ts'
import { AttestationError } from '../../errors.ts'
import { appraiseTdx } from '../appraise.ts'
import { parseTdxEvidence, qeIdentityName, tcbInfoName } from '../evidence.ts'
import { DEFAULT_TDX_POLICY, type TdxPolicy } from '../policy.ts'
import { proveTdx, type TdxFacts } from '../prove.ts'

/** Shared by the tests of this folder. */

export const NOW = unixSeconds(1_764_000_000)
export const random = (length: number): Bytes => crypto.getRandomValues(new Uint8Array(length))

/** One piece of evidence and the world that it is judged in; whatever is absent is good. */
export interface Case {
  readonly quote?: Partial<TdxQuoteFields> | Bytes
  readonly tcbInfo?: (info: TcbInfoJson) => void
  readonly qeIdentity?: (identity: QeIdentityJson) => void
  /** Entries that replace or, undefined, remove those of the forge. */
  readonly collateral?: Readonly<Record<string, CollateralEntry | undefined>>
  readonly eventLog?: unknown
  readonly now?: number
  readonly anchors?: readonly Bytes[]
  readonly policy?: Partial<TdxPolicy>
}

export function tdxForge(authority?: 'platform' | 'processor'): Promise<IntelForge> {
  return forgeIntel({ random, now: NOW, ...(authority === undefined ? {} : { authority }) })
}

export function entryOf(
  name: string,
  body: Bytes,
  headers: Readonly<Record<string, string>> = {},
): CollateralEntry {
  return { name, body, headers, fetchedAt: NOW }
}

export interface Judged {
  readonly checks: readonly Check[]
  readonly facts: TdxFacts | undefined
  readonly validUntil: UnixSeconds | undefined
}

/** Forges, parses, proves and appraises. @throws AttestationError when the evidence does not parse */
export async function judge(forge: IntelForge, item: Case): Promise<Judged> {
  const quote = item.quote instanceof Uint8Array ? item.quote : await forge.quote(item.quote)
  const evidence = parseTdxEvidence({ quote, eventLog: item.eventLog })
  const collateral = await collateralOf(forge, item)
  const now = unixSeconds(item.now ?? NOW)
  const anchors = item.anchors ?? [forge.root]
  const proof = await proveTdx({ evidence, collateral, now, anchors })
  if (!proof.proven) return { checks: proof.checks, facts: undefined, validUntil: undefined }
  const policy = { ...DEFAULT_TDX_POLICY, ...item.policy }
  const checks = [...proof.checks, ...appraiseTdx(proof.facts, policy)]
  return { checks, facts: proof.facts, validUntil: proof.validUntil }
}

export async function collateralOf(forge: IntelForge, item: Case): Promise<Collateral> {
  const { tcbInfo, qeIdentity } = item
  const edited = new Map(await forge.collateral(item.collateral))
  const rewrite = (name: string, body: Bytes): void => {
    const entry = edited.get(name)
    if (entry !== undefined) edited.set(name, { ...entry, body })
  }
  if (tcbInfo !== undefined) {
    rewrite(tcbInfoName('tdx', forge.fmspc, 'standard'), await forge.tcbInfo({ edit: tcbInfo }))
  }
  if (qeIdentity !== undefined) {
    rewrite(qeIdentityName('tdx', 'standard'), await forge.qeIdentity({ edit: qeIdentity }))
  }
  return edited
}

/** "check code" of every failure, in order. */
export async function failuresOf(forge: IntelForge, item: Case): Promise<string[]> {
  const { checks } = await judge(forge, item)
  return checks.flatMap((check) => (check.status === 'fail' ? [`${check.id} ${check.code}`] : []))
}

/** Failures of evidence that parses; else "form code". */
export async function outcomeOf(forge: IntelForge, item: Case): Promise<string[]> {
  try {
    return await failuresOf(forge, item)
  } catch (error) {
    if (error instanceof AttestationError) return [`form ${error.code}`]
    throw error
  }
}
