import type { UnixMs } from '#base/brand.ts'
import type { Hashes } from '#protocol'
import { parseKeyset } from '#protocol'
import { toLiveRunner } from './live-from-rows.ts'
import type { LiveRunner, Load, Standing } from './live-runner.ts'
import type { LeaseRow, RunnerRow } from './runner-store.ts'

/** A runner with a lease as plain data: what one place tells another of it. */
export interface LeasedRunner {
  readonly runner: RunnerRow
  readonly lease: LeaseRow
  readonly standing: Standing
  /** Last sign of life. */
  readonly seen: UnixMs
}

/** The runner as requests need it. @param load what this place observes of it */
export function openLeasedRunner(
  { runner, lease, standing }: LeasedRunner,
  { load, hashes }: { readonly load: Load; readonly hashes: Hashes },
): LiveRunner {
  const document: unknown = JSON.parse(lease.keyset)
  const keyset = parseKeyset(document, 'keyset')
  return toLiveRunner({ runner, lease }, { keyset, standing, load, hashes })
}
