import { codeOf } from '../log.ts'
import { appraiseLeases } from './appraise-leases.ts'
import type { RunnersDeps } from './deps.ts'

/** Brings the leases of before back, each judged anew by the Registry of now. */
export async function restoreLeases(deps: RunnersDeps): Promise<void> {
  try {
    await deps.allowlist.refresh()
    await appraiseLeases(deps)
  } catch (error) {
    // Closed until the chain can be read: the jobs go on trying.
    deps.log('warn', 'leases are not restored yet', { code: codeOf(error) })
  }
}
