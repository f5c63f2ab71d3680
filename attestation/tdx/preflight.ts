import type { Check } from '../checks.ts'
import type { TcbOutcome } from './match-tcb.ts'
import { proveTdx, type TdxProofInput } from './prove.ts'
import { ACCEPTABLE_STATUSES, type TcbStatus } from './tcb-status.ts'

/** What a machine will look like once Intel's early data becomes the standard. */
export type TcbOutlook =
  | { readonly known: false; readonly checks: readonly Check[] }
  | {
      readonly known: true
      readonly now: TcbOutcome
      readonly soon: TcbOutcome
      /** Evaluation number that will demand it. */
      readonly evaluationNumber: number
      /** Undefined while the machine stays as good as it is. */
      readonly warning: TcbWarning | undefined
    }

export interface TcbWarning {
  readonly code: 'tcb-recovery-ahead'
  /** For the person who runs the machine. */
  readonly detail: string
  readonly remedy: string
  /** Advisories that it will come with and does not come with now. */
  readonly advisories: readonly string[]
}

/** Best first; how far a status falls is what a warning is about. */
const ORDER: readonly TcbStatus[] = [...ACCEPTABLE_STATUSES, 'NotSupported', 'Revoked']

/**
 * Looks ahead: proves the same evidence by Intel's standard and early data and compares. Intel publishes a TCB
 * recovery as early data weeks before it is enforced, time enough to update firmware.
 * @see Intel PCS API version 4, parameter `update`
 */
export async function preflightTdx(input: Omit<TdxProofInput, 'update'>): Promise<TcbOutlook> {
  const standard = await proveTdx({ ...input, update: 'standard' })
  if (!standard.proven) return { known: false, checks: standard.checks }
  const early = await proveTdx({ ...input, update: 'early' })
  if (!early.proven) return { known: false, checks: early.checks }
  const now = standard.facts.tcb
  const soon = early.facts.tcb
  const evaluationNumber = early.facts.evaluationNumbers.tcbInfo
  return {
    known: true,
    now,
    soon,
    evaluationNumber,
    warning: warningOf(now, soon, evaluationNumber),
  }
}

function warningOf(
  now: TcbOutcome,
  soon: TcbOutcome,
  evaluationNumber: number,
): TcbWarning | undefined {
  if (ORDER.indexOf(soon.status) <= ORDER.indexOf(now.status)) return undefined
  const advisories = soon.advisories.filter((id) => !now.advisories.includes(id))
  return {
    code: 'tcb-recovery-ahead',
    detail: `${now.status} now, ${soon.status} under evaluation ${evaluationNumber}`,
    remedy:
      'Update BIOS, microcode and TDX module before Intel makes this evaluation the standard.',
    advisories,
  }
}
