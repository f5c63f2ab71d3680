import type { Clock, Random } from '#base/brand.ts'
import type { Bytes } from '#base/bytes.ts'
import type { CryptoMode, MacKey, Provider } from '#protocol'
import type { RunnerId, TonAddress } from '../db/ids.ts'
import type { Ledger } from '../ledger/port.ts'
import type { Log } from '../log.ts'
import type { AllowlistSource } from './allowlist-source.ts'
import type { Challenges } from './challenges.ts'
import type { Directory } from './directory.ts'
import type { JudgeDeps } from './judge-evidence.ts'
import type { Payees } from './payees.ts'
import type { RunnerStore } from './runner-store.ts'
import type { UrlRules } from './runner-url.ts'
import type { TrackRecords } from './track-records.ts'

/** The newest voucher of a host, as the runner verifies it. */
export interface Voucher {
  readonly till: string
  readonly payee: string
  readonly cumulative: string
  /** Hex Ed25519 by the meter key. */
  readonly signature: string
}

/** Gives runners addresses of their own on this gateway (H9). */
export interface Origins {
  /** @param previous the origin of an earlier lease, kept when it still can be */
  assign(runner: RunnerId, previous: string | undefined): Promise<string>
}

export interface RunnersDeps extends JudgeDeps {
  readonly provider: Provider<'sync'>
  readonly verifier: Pick<Provider<CryptoMode>, 'verify'>
  readonly directory: Directory
  readonly store: RunnerStore
  readonly records: TrackRecords
  readonly payees: Payees
  /** Whether a host’s wallet must show who controls it, and a changed one waits (H2). */
  readonly requiresHostProof: boolean
  /** The key that a deployed wallet says that it has. @throws MoneyError */
  readonly walletKey: (wallet: TonAddress) => Promise<Bytes>
  readonly challenges: Challenges
  /** Makes and recognises what hosts' wallets are asked to sign. */
  readonly hostWallets: MacKey
  readonly allowlist: AllowlistSource
  readonly origins: Origins
  readonly ledger: Ledger
  readonly latestVoucher: (payee: TonAddress) => Promise<Voucher | undefined>
  readonly urlRules: UrlRules
  /** Whether runners may dial out to this gateway: where it is one process. */
  readonly takesTunnels: boolean
  /** What this gateway calls itself in signed messages: its public origin. */
  readonly gatewayName: string
  /** Most that a host may ask, as a share of the base price. */
  readonly maxCoefficientBps: number
  /** Raw address of the Till; undefined while this gateway has none. */
  readonly till: TonAddress | undefined
  /** Public meter key, hex. */
  readonly meterKey: string | undefined
  readonly clock: Clock
  readonly random: Random
  readonly log: Log
}
