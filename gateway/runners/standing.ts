import type { UnixSeconds } from '#base/brand.ts'
import type { Judgement } from './judge-evidence.ts'
import type { Standing } from './live-runner.ts'

/** What an accepted judgement lets the gateway say and do. */
export function standingOf({ verdict }: Judgement, appraised: UnixSeconds): Standing {
  const { status, claims, attested, validUntil } = verdict
  return { status, claims, attested, appraised, validUntil }
}
