import type { Answer } from '../db/db.ts'
import type { TonAddress } from '../db/ids.ts'
import type { StoreState } from '../deps.ts'
import type { ModelTable } from '../inference/stored-catalog.ts'
import type { Job } from '../jobs.ts'
import type { Ledger } from '../ledger/port.ts'
import type { MoneyWatch } from '../money/money-watch.ts'
import type { OwedBooks } from '../money/reserves.ts'
import type { UsedChallenges } from '../runners/challenges.ts'
import type { Voucher } from '../runners/deps.ts'
import type { LeaseGlance } from '../runners/follow-market.ts'
import type { Payees } from '../runners/payees.ts'
import type { RunnerHours } from '../runners/runner-hours.ts'
import type { RunnerStore } from '../runners/runner-store.ts'

/** What a Node gateway keeps things in: one file of its own, or a database that it shares with others. */
export interface Backing {
  /** @param note told how many calls shared a transaction, and its seconds */
  openLedger(note: (calls: number, seconds: number) => void): Ledger
  readonly runners: RunnerStore
  readonly payees: Payees
  readonly hours: RunnerHours
  /** Undefined: this process alone issues challenges and takes them. */
  readonly usedChallenges: UsedChallenges | undefined
  latestVoucher(payee: TonAddress): Promise<Voucher | undefined>
  readonly models: ModelTable
  readBooks(): Answer<OwedBooks>
  /** The money side's jobs, as far as the configuration has any. */
  openMoney(ledger: Ledger, watch: MoneyWatch): Promise<readonly Job[]>
  /** What the store itself needs done. */
  readonly jobs: readonly Job[]
  /** By the last write, or the last answer of a server. */
  storeState(): StoreState
  /** Whether this process does what one of several must. */
  leads(): boolean
  /** What others wrote; undefined: nobody else writes here. */
  readonly others: { look(): Promise<readonly LeaseGlance[]> } | undefined
  /** Ends calls to providers that threads of its own have under way; absent: it has none. */
  leave?(): void
  close(): Promise<void>
}
