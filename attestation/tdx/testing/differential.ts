import fc from 'fast-check'
import type { IntelForge } from '#dev/forge/intel.ts'
import { AttestationError } from '../../errors.ts'
import type { TcbOutcome } from '../match-tcb.ts'
import { type Case, collateralOf, judge, NOW } from './judge.ts'
import { type Answer, answerOf, QVL_POLICY, qvlAnswer, REFUSED, refuses } from './qvl.ts'
import { caseOf, DEVIATIONS, type World, worlds } from './worlds.ts'

export interface Comparison {
  readonly ours: Answer
  readonly theirs: Answer
  readonly tcb: TcbOutcome | undefined
}

/** Both verifiers on one piece of forged evidence, ours under their policy. */
export async function compare(forge: IntelForge, item: Case): Promise<Comparison> {
  const quote = item.quote instanceof Uint8Array ? item.quote : await forge.quote(item.quote)
  const collateral = await collateralOf(forge, item)
  const now = item.now ?? NOW
  const theirs = qvlAnswer({ quote, collateral, root: forge.root, now })
  // The documents are signed already: the same bytes go to both, and what is missing stays missing.
  const { tcbInfo: _info, qeIdentity: _qe, ...rest } = item
  const names = [...collateral.keys(), ...Object.keys(item.collateral ?? {})]
  const given = Object.fromEntries(names.map((name) => [name, collateral.get(name)]))
  const same: Case = { ...rest, quote, collateral: given, policy: QVL_POLICY }
  return { theirs, ...(await ourAnswer(forge, same)) }
}

async function ourAnswer(forge: IntelForge, item: Case): Promise<Omit<Comparison, 'theirs'>> {
  try {
    const { checks, facts } = await judge(forge, item)
    const refused = facts === undefined || refuses(checks)
    const ours = refused ? REFUSED : answerOf(facts.tcb.status, facts.tcb.advisories)
    return { ours, tcb: facts?.tcb }
  } catch (cause) {
    if (cause instanceof AttestationError) return { ours: REFUSED, tcb: undefined }
    throw cause
  }
}

/**
 * Compares both on random machines and throws for a difference that no listed deviation can show.
 * @returns how many answers were equal, and how often each deviation was at hand in a difference
 */
export async function compareWorlds(
  forge: IntelForge,
  runs: number,
): Promise<{ equal: number; shown: Record<string, number> }> {
  let equal = 0
  const shown: Record<string, number> = {}
  const check = async (world: World): Promise<void> => {
    const { ours, theirs, tcb } = await compare(forge, await caseOf(forge, world))
    if (ours === theirs) {
      equal += 1
      return
    }
    const reasons = Object.entries(DEVIATIONS).filter(([, { shows }]) => shows(world, tcb, theirs))
    if (reasons.length === 0) throw new Error(`ours ${ours}, dcap-qvl ${theirs}: not explained`)
    for (const [id] of reasons) shown[id] = (shown[id] ?? 0) + 1
  }
  await fc.assert(fc.asyncProperty(worlds, check), { numRuns: runs })
  return { equal, shown }
}
