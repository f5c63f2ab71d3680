import type { UnixMs } from '#base/brand.ts'
import type { Nano } from '#base/nano.ts'
import type { AccountId, TonAddress } from '../db/ids.ts'

/** Names in the journal. */
export const acct = (id: AccountId): string => `acct:${id}`
export const host = (payee: TonAddress): string => `host:${payee}`
/** Costs on their way from developers to hosts and fees. */
export const CLEARING = 'clearing'
export const FEES = 'fees'
/** The Till: deposits come from it, exits and redeems go to it. */
export const CHAIN = 'chain'
/** Usage that exits took out before it was charged: minus the debts of all accounts. */
export const LOSSES = 'losses'

export interface Transfer {
  readonly kind:
    | 'deposit'
    | 'share'
    | 'commission'
    | 'withdrawal'
    | 'shortfall'
    | 'recovery'
    | 'payout'
    | 'fees'
  readonly source: string
  readonly target: string
  readonly amount: Nano
  readonly at: UnixMs
}

/** Writes one movement; zero moves nothing. */
export type Post = (transfer: Transfer) => void
