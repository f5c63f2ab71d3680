import type { GatewayConfig } from '../../config.ts'
import type { Job } from '../../jobs.ts'
import type { MoneyWatch } from '../../money/money-watch.ts'

/** What the office's thread is told at its start. */
export interface OfficeData {
  readonly url: string
  readonly config: GatewayConfig
}

/** `jobs`: lists the money side's; `run`: does one; `leave`: ends their calls to providers. Else a member of `OfficePorts`. */
export interface OfficeCall {
  readonly id: number
  readonly port: string
  readonly verb: string
  readonly args: readonly unknown[]
}

export type JobListing = Omit<Job, 'run' | 'isDue'>

/** What the money side sees, for whom the other thread keeps it. */
export type Sighting = Exclude<keyof MoneyWatch, 'status'>

export interface OfficeNews {
  readonly saw: Sighting
  readonly what: unknown
}
