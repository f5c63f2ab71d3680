import type { RegistrySnapshot } from '#contracts'
import type { Authenticator } from './accounts/authenticator.ts'
import type { KeyDeps } from './accounts/keys.ts'
import type { OpenAccountDeps } from './accounts/open-account.ts'
import type { AccountId } from './db/ids.ts'
import type { InferenceDeps } from './inference/deps.ts'
import type { DeliverDeps } from './receipts/take-batch.ts'
import type { RunnersDeps } from './runners/deps.ts'

/** What the chain says about this gateway's Till, for people. */
export interface TillView {
  readonly address: string
  /** Public meter key, hex; null while none is configured. */
  readonly meterKey: string | null
}

/** Everything that the HTTP app works with. Built once, by the platform's entry. */
export interface AppDeps {
  readonly inference: InferenceDeps
  readonly runners: RunnersDeps
  readonly receipts: DeliverDeps
  readonly accounts: OpenAccountDeps & KeyDeps
  readonly authenticator: Authenticator
  readonly till: TillView | undefined
  readonly registryAddress: string
  readonly registry: () =>
    | { readonly readAt: number; readonly registry: RegistrySnapshot }
    | undefined
  /** The served API description. */
  readonly openapi: string
  readonly commissionBps: number
  readonly adminKey: string | undefined
  readonly metricsToken: string | undefined
  /** Ended: `/health` tells balancers to go elsewhere. */
  readonly closing: AbortSignal
  readonly pendingOf: (account: AccountId) => Promise<void>
}
