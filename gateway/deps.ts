import type { RegistrySnapshot } from '#contracts'
import type { Authenticator } from './accounts/authenticator.ts'
import type { SignInDeps } from './accounts/sign-in.ts'
import type { WebhookDeps } from './accounts/webhook-teller.ts'
import type { SignOwnReceipt } from './attest/own-receipts.ts'
import type { SelfAttestor } from './attest/self-attestor.ts'
import type { AccountId } from './db/ids.ts'
import type { Strangers } from './http/limit-strangers.ts'
import type { Catalog } from './inference/catalog.ts'
import type { InferenceDeps } from './inference/deps.ts'
import type { BodyBudget } from './limits/body-budget.ts'
import type { ChainHealth } from './money/chain-health.ts'
import type { MoneyStatus } from './money/money-watch.ts'
import type { Rates } from './money/open-rates.ts'
import type { Reserves } from './money/reserves.ts'
import type { TillViews } from './money/till-views.ts'
import type { ServePages } from './pages.ts'
import type { DeliverDeps } from './receipts/take-batch.ts'
import type { RunnersDeps } from './runners/deps.ts'
import type { UrlRules } from './runners/runner-url.ts'

/** Whether what keeps the books takes writes, takes none, or does not answer. */
export type StoreState = 'ok' | 'read_only' | 'unreachable'

/** What the chain says about this gateway's Till, for people. */
export interface TillView {
  readonly address: string
  /** Public meter key, hex; null while none is configured. */
  readonly meterKey: string | null
}

/**
 * What serves developers: accounts, inference, receipts. It has no tables of its own, so that any number of
 * places can serve it.
 */
export interface FrontDeps {
  readonly inference: InferenceDeps
  readonly receipts: DeliverDeps
  /** This gateway's own receipts, when it is attested. */
  readonly signOwnReceipt: SignOwnReceipt
  readonly accounts: SignInDeps
  readonly strangers: Strangers
  readonly webhooks: WebhookDeps & { readonly rules: UrlRules }
  readonly authenticator: Authenticator
  readonly till: TillView | undefined
  /** What amounts are called and worth, for people to read. */
  readonly rates: Rates
  readonly commissionBps: number
  /** Ended: nothing new is taken, `/health` tells balancers to go elsewhere. */
  readonly closing: Pick<AbortSignal, 'aborted'>
  readonly pendingOf: (account: AccountId) => Promise<void>
}

/** Everything that the whole HTTP app works with. Built once, by the platform's entry. */
export interface AppDeps extends FrontDeps {
  readonly runners: RunnersDeps
  /** Undefined: this gateway shows no evidence of its own. */
  readonly self: SelfAttestor | undefined
  readonly catalog: Catalog
  readonly network: 'mainnet' | 'testnet'
  /** The Till as the chain shows it; undefined without one. */
  readonly tillViews: TillViews | undefined
  readonly reserves: Reserves
  /** Whether there is a cashier that carries an owner's order to the Till. */
  readonly takesExits: boolean
  readonly chainHealth: ChainHealth
  /** Unless ok nothing can be sold, since nothing can be booked. */
  readonly storeState: () => StoreState
  /** Undefined where the platform bounds what bodies take of its memory. */
  readonly bodies: BodyBudget | undefined
  /** What the money jobs last saw. */
  readonly moneyStatus: () => MoneyStatus | Promise<MoneyStatus>
  readonly registryAddress: string
  readonly registry: () =>
    | { readonly readAt: number; readonly registry: RegistrySnapshot }
    | undefined
  /** Draws the web page; undefined: the API alone. */
  readonly pages: ServePages | undefined
  /** The served API description. */
  readonly openapi: string
  readonly adminKey: string | undefined
  readonly metricsToken: string | undefined
}
