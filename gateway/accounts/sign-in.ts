import { toSeconds, type UnixSeconds } from '#base/brand.ts'
import { fromHex } from '#base/bytes.ts'
import { ANY_ACCOUNT, parseSignInRequest, type SignInRequest, signInStatement } from '#protocol'
import { type AccountId, accountId } from '../db/ids.ts'
import { makeOwnNonce, readOwnNonce, SIGN_IN } from '../own-nonce.ts'
import { AccountError } from './errors.ts'
import type { SessionTokens } from './session-token.ts'
import { accountOfWallet, listWallets, type WalletLinkDeps } from './wallet-links.ts'
import { askWalletProof, type ProofAsked, walletOfProof } from './wallet-proof.ts'

export interface SignInDeps extends WalletLinkDeps {
  readonly sessions: SessionTokens
}

export interface Challenge {
  readonly nonce: string
  readonly expiresAt: UnixSeconds
  readonly tonProof: ProofAsked
}

/**
 * A nonce to sign; whether the account exists is not told.
 * @param account undefined: whoever signs is a wallet that is linked to one
 */
export function issueChallenge(
  deps: SignInDeps,
  account: AccountId | undefined,
  purpose: 'signIn' | 'linkWallet',
): Challenge {
  const subject = account ?? ANY_ACCOUNT
  const now = toSeconds(deps.clock())
  const { nonce, expiresAt } = makeOwnNonce(
    deps.challenges,
    { kind: SIGN_IN, subject, now },
    deps.random,
  )
  return { nonce, expiresAt, tonProof: askWalletProof(deps, { purpose, subject, nonce }) }
}

/**
 * Gives the account's owner a short session, by which lost keys are replaced.
 *
 * 1. The nonce is one of ours, for this account or for whichever a wallet is linked to, and not over.
 * 2. The account's owner key, its owner wallet or a wallet that it knows signed this nonce, for this gateway.
 * 3. The nonce is used up, also across restarts.
 *
 * @throws AccountError
 * @see protocol/SPEC.md section 10.6
 */
export async function signIn(
  deps: SignInDeps,
  body: unknown,
): Promise<{ account: AccountId; token: string; expiresAt: UnixSeconds }> {
  const request = parse(body)
  const { nonce } = request
  const subject = request.account ?? ANY_ACCOUNT
  const asked = { kind: SIGN_IN, subject, now: toSeconds(deps.clock()) }
  const expires = readOwnNonce(deps.challenges, asked, nonce)
  if (expires === undefined) {
    throw new AccountError('stale_statement', 'the nonce is not of this gateway, or is over')
  }
  const account =
    request.account === undefined
      ? await findAccount(deps, request, expires)
      : await provenAccount(deps, accountId(request.account), request)
  const [used] = await deps.ledger.commit([{ op: 'use_nonce', account, nonce, expires }])
  if (!used.ok) throw new AccountError('stale_statement', 'this nonce was used before')
  return { account, ...(await deps.sessions.issue(account, nonce)) }
}

function parse(body: unknown): SignInRequest {
  try {
    return parseSignInRequest(body, 'sign-in')
  } catch (cause) {
    throw new AccountError('bad_request', 'not a sign-in', { cause })
  }
}

/** The account that the signing wallet is linked to; which one is told to nobody else. */
async function findAccount(
  deps: SignInDeps,
  { nonce, ton_proof }: SignInRequest,
  expires: UnixSeconds,
): Promise<AccountId> {
  if (ton_proof === undefined) {
    throw new AccountError('bad_signature', 'without an account a wallet signs')
  }
  const binding = { purpose: 'signIn', subject: ANY_ACCOUNT, nonce } as const
  const wallet = await walletOfProof(deps, ton_proof, binding)
  const link = await accountOfWallet(deps, wallet)
  if (link === undefined) {
    throw new AccountError('unknown_account', 'this wallet is linked to no account')
  }
  // Else one nonce could be used for two accounts: the one before and the one after.
  if (toSeconds(link.at) > expires - SIGN_IN.seconds) {
    throw new AccountError('stale_statement', 'the wallet was linked after this nonce was made')
  }
  return link.account
}

interface Owners {
  readonly owner?: string
  readonly owner_key?: string
}

/** The account itself, once one of those who may has signed for it. */
async function provenAccount(
  deps: SignInDeps,
  account: AccountId,
  { nonce, signature, ton_proof }: SignInRequest,
): Promise<AccountId> {
  const owners = await ownersOf(deps, account)
  if (signature !== undefined && owners.owner_key !== undefined) {
    const message = signInStatement({ gateway: deps.gateway, account, nonce })
    if (await deps.verify(fromHex(owners.owner_key), message, fromHex(signature))) return account
  }
  if (ton_proof !== undefined) {
    const binding = { purpose: 'signIn', subject: account, nonce } as const
    const wallet = await walletOfProof(deps, ton_proof, binding)
    const linked = await listWallets(deps, account)
    if (wallet === owners.owner || linked.some((one) => one.wallet === wallet)) return account
  }
  throw new AccountError('bad_signature', 'not signed by an owner of this account')
}

/** An unknown account has no owners, which is told as a bad signature. */
async function ownersOf(deps: SignInDeps, account: AccountId): Promise<Owners> {
  const [read] = await deps.ledger.commit([{ op: 'read_account', account }])
  if (!read.ok || read.account.keys === null) return {}
  // Sound: the column is written from a parsed account request only.
  return JSON.parse(read.account.keys) as Owners
}
