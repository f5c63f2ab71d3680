import { toSeconds } from '#base/brand.ts'
import { type MacKey, parseWalletLink, type WalletLink } from '#protocol'
import type { AccountId, TonAddress } from '../db/ids.ts'
import type { LinkedWallet } from '../ledger/port.ts'
import { readOwnNonce, SIGN_IN } from '../own-nonce.ts'
import { AccountError } from './errors.ts'
import type { OpenAccountDeps } from './open-account.ts'
import { walletOfProof } from './wallet-proof.ts'

export interface WalletLinkDeps extends OpenAccountDeps {
  /** Makes and recognises nonces. */
  readonly challenges: MacKey
}

/**
 * Lets a wallet sign in to the account from now on. The caller is an admin of the account; the wallet agrees by its proof, which
 * names the account: so nobody is signed in to an account that somebody else made for them.
 * @throws AccountError
 * @see protocol/SPEC.md section 10.7
 */
export async function linkWallet(
  deps: WalletLinkDeps,
  account: AccountId,
  body: unknown,
): Promise<LinkedWallet> {
  const { nonce, ton_proof } = parse(body)
  const asked = { kind: SIGN_IN, subject: account, now: toSeconds(deps.clock()) }
  const expires = readOwnNonce(deps.challenges, asked, nonce)
  if (expires === undefined) {
    throw new AccountError('stale_statement', 'the nonce is not of this gateway, or is over')
  }
  const binding = { purpose: 'linkWallet', subject: account, nonce } as const
  const wallet = await walletOfProof(deps, ton_proof, binding)
  const at = deps.clock()
  const [used] = await deps.ledger.commit([{ op: 'use_nonce', account, nonce, expires }])
  if (!used.ok) throw new AccountError('stale_statement', 'this nonce was used before')
  const [linked] = await deps.ledger.commit([{ op: 'link_wallet', account, wallet, at }])
  if (!linked.ok) throw new AccountError(linked.code, 'the wallet was not linked')
  await deps.ledger.commit([{ op: 'point_wallet', wallet, to: account, at }])
  return { wallet, at }
}

function parse(body: unknown): WalletLink {
  try {
    return parseWalletLink(body, 'wallet')
  } catch (cause) {
    throw new AccountError('bad_request', 'not a wallet’s proof', { cause })
  }
}

export async function listWallets(
  { ledger }: Pick<WalletLinkDeps, 'ledger'>,
  account: AccountId,
): Promise<readonly LinkedWallet[]> {
  const [{ wallets }] = await ledger.commit([{ op: 'list_wallets', account }])
  return wallets
}

/** @throws AccountError `unknown_wallet` */
export async function unlinkWallet(
  { ledger }: Pick<WalletLinkDeps, 'ledger'>,
  account: AccountId,
  wallet: TonAddress,
): Promise<void> {
  const [result] = await ledger.commit([{ op: 'unlink_wallet', account, wallet }])
  if (!result.ok) throw new AccountError(result.code, 'this wallet is not linked')
}

/** The account that a wallet signs in to: the newest link that the account still knows. */
export async function accountOfWallet(
  deps: Pick<WalletLinkDeps, 'ledger'>,
  wallet: TonAddress,
): Promise<{ readonly account: AccountId; readonly at: LinkedWallet['at'] } | undefined> {
  const [{ links }] = await deps.ledger.commit([{ op: 'find_wallet', wallet }])
  for (const { account } of links) {
    const known = (await listWallets(deps, account)).find((one) => one.wallet === wallet)
    if (known !== undefined) return { account, at: known.at }
  }
  return undefined
}
