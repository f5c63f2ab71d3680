import type { Clock, Random } from '#base/brand.ts'
import type { Json } from '#base/jcs.ts'
import type { Migration } from '../db/migrate.ts'
import type { ServePages } from '../pages.ts'

/** What the entry gives to everything of a Worker: clock, randomness, network, and the texts of its bundle. */
export interface WorkerHost {
  readonly clock: Clock
  readonly random: Random
  /** 0 to 1, for jitter. */
  readonly chance: () => number
  readonly fetch: typeof fetch
  readonly wait: (ms: number) => Promise<void>
  readonly write: (line: string) => void
  /** Opens the web page over its static assets; undefined: the API alone. */
  readonly openPages: OpenPages | undefined
  readonly migrations: readonly Migration[]
  /** Text of openapi.yaml. */
  readonly openapi: string
}

export type OpenPages = (
  files: Pick<Fetcher, 'fetch'>,
  options: {
    readonly registry: string
    readonly endpoints: readonly string[]
    readonly network: 'mainnet' | 'testnet' | 'local'
    readonly simulation: Json | undefined
  },
) => Promise<ServePages>
