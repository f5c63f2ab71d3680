import type { Clock, Random } from '#base/brand.ts'
import type { MacKey, Provider } from '#protocol'
import type { Ledger } from '../ledger/port.ts'
import type { Limiter } from '../limits/limiter.ts'
import type { Log } from '../log.ts'
import type { Metrics } from '../metrics.ts'
import type { PendingSettlements } from '../receipts/pending.ts'
import type { RelayedRequests } from '../receipts/relayed-requests.ts'
import type { SettleDeps } from '../receipts/settle-receipt.ts'
import type { Unwritten } from '../receipts/unwritten.ts'
import type { Upstream } from '../relay/ports.ts'
import type { Watchdog } from '../relay/watchdog.ts'
import type { Runners } from '../runners/directory.ts'
import type { AccountRefs } from './account-ref.ts'
import type { Offers } from './catalog.ts'
import type { Timer } from './journey.ts'
import type { QuoteTerms } from './quote-terms.ts'
import type { QuotesUnderWay } from './quotes-under-way.ts'
import type { TopUpUrl } from './reserve.ts'
import type { RunnerSessions } from './runner-sessions.ts'
import type { WaitingRoom } from './waiting-room.ts'

/** Whether bodies may pass through this gateway unsealed. */
export type PlaintextRule = 'allow' | 'attested' | 'refuse'

/** What serving a request takes. Built once. */
export interface InferenceDeps extends SettleDeps {
  readonly ledger: Ledger
  readonly provider: Provider<'sync'>
  readonly directory: Runners
  readonly catalog: Offers
  readonly quoteTerms: QuoteTerms
  readonly sessions: RunnerSessions
  readonly refs: AccountRefs
  readonly pending: PendingSettlements
  readonly quotes: QuotesUnderWay
  readonly unwritten: Unwritten
  readonly upstream: Upstream
  readonly watchdog: Watchdog
  readonly waiting: WaitingRoom
  readonly limiter: Limiter
  /** Hashes idempotency keys and requests (H21). */
  readonly onceKey: MacKey
  readonly topUpUrl: TopUpUrl
  /** Keys cache affinity, so that a caller's own cache key means nothing outside. */
  readonly affinity: MacKey
  /** Whether unsealed requests may pass now: by rule, or while this gateway is attested. */
  readonly takesPlaintext: () => boolean
  /** Where an attested gateway remembers what it relayed; undefined: it is none, and nothing is hashed. */
  readonly relayed: RelayedRequests | undefined
  readonly clock: Clock
  readonly timer: Timer
  readonly random: Random
  readonly log: Log
  readonly metrics: Metrics
}
