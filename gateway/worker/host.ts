import type { Clock, Random } from '#base/brand.ts'
import type { Migration } from '../db/migrate.ts'

/** What the entry gives to everything of a Worker: clock, randomness, network, and the texts of its bundle. */
export interface WorkerHost {
  readonly clock: Clock
  readonly random: Random
  /** 0 to 1, for jitter. */
  readonly chance: () => number
  readonly fetch: typeof fetch
  readonly wait: (ms: number) => Promise<void>
  readonly write: (line: string) => void
  readonly migrations: readonly Migration[]
  /** Text of openapi.yaml. */
  readonly openapi: string
}
