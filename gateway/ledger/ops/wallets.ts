import type { UnixMs } from '#base/brand.ts'
import type { AccountId, TonAddress } from '../../db/ids.ts'
import type { Ok, Refused } from './common.ts'

/** A wallet that may sign in to an account, and since when. */
export interface LinkedWallet {
  readonly wallet: TonAddress
  readonly at: UnixMs
}

/** The account’s own word on who may sign in to it. Linking again makes it the newest. */
export interface LinkWallet {
  readonly op: 'link_wallet'
  readonly account: AccountId
  readonly wallet: TonAddress
  readonly at: UnixMs
}
export type LinkWalletResult = Ok | Refused<'unknown_account' | 'too_many_wallets'>

export interface UnlinkWallet {
  readonly op: 'unlink_wallet'
  readonly account: AccountId
  readonly wallet: TonAddress
}
export type UnlinkWalletResult = Ok | Refused<'unknown_wallet'>

export interface ListWallets {
  readonly op: 'list_wallets'
  readonly account: AccountId
}
export type ListWalletsResult = { readonly ok: true; readonly wallets: readonly LinkedWallet[] }

/**
 * Remembers at the wallet which account it was linked to: only a hint where to look, since it may stand in another store than
 * the account.
 */
export interface PointWallet {
  readonly op: 'point_wallet'
  readonly wallet: TonAddress
  readonly to: AccountId
  readonly at: UnixMs
}

/** Where a wallet was linked, the newest first; each account is still to be asked. */
export interface FindWallet {
  readonly op: 'find_wallet'
  readonly wallet: TonAddress
}
export type FindWalletResult = {
  readonly ok: true
  readonly links: readonly { readonly account: AccountId; readonly at: UnixMs }[]
}
