import { toSeconds, type UnixSeconds } from '#base/brand.ts'
import { type Bytes, fromHex } from '#base/bytes.ts'
import {
  type MacKey,
  parseSignInRequest,
  type SignInRequest,
  signInStatement,
  type TonProof,
  tonProofPayload,
} from '#protocol'
import { type AccountId, accountId, tonAddress } from '../db/ids.ts'
import { AccountError } from './errors.ts'
import type { OpenAccountDeps } from './open-account.ts'
import type { SessionTokens } from './session-token.ts'
import { makeSignInNonce, readSignInNonce } from './sign-in-nonce.ts'
import { TonProofError, verifyTonProof } from './ton-proof.ts'

export interface SignInDeps extends OpenAccountDeps {
  readonly sessions: SessionTokens
  /** Makes and recognises nonces. */
  readonly challenges: MacKey
}

export interface Challenge {
  readonly account: AccountId
  readonly nonce: string
  readonly expiresAt: UnixSeconds
  /** What a wallet is asked to sign, and for which site. */
  readonly tonProof: { readonly domain: string; readonly payload: string }
}

/** A nonce to sign; whether the account exists is not told. */
export function issueChallenge(deps: SignInDeps, account: AccountId): Challenge {
  const now = toSeconds(deps.clock())
  const { nonce, expiresAt } = makeSignInNonce(deps.challenges, { account, now }, deps.random)
  const payload = tonProofPayload({ purpose: 'signIn', subject: account, nonce })
  return { account, nonce, expiresAt, tonProof: { domain: domainOf(deps.gateway), payload } }
}

/**
 * Gives the account's owner a short session, by which lost keys are replaced.
 *
 * 1. The nonce is one of ours, for this account, and not over.
 * 2. The account's Keys name who owns it: a key, a wallet, or both.
 * 3. One of them signed this nonce, for this gateway.
 * 4. The nonce is used up, also across restarts.
 *
 * @throws AccountError
 * @see protocol/SPEC.md section 10.6
 */
export async function signIn(
  deps: SignInDeps,
  body: unknown,
): Promise<{ account: AccountId; token: string; expiresAt: UnixSeconds }> {
  const request = parse(body)
  const account = accountId(request.account)
  const { nonce } = request
  const expires = readSignInNonce(deps.challenges, account, nonce)
  if (expires === undefined || expires <= toSeconds(deps.clock())) {
    throw new AccountError('stale_statement', 'the nonce is not of this gateway, or is over')
  }
  await assertOwner(deps, account, request)
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

interface Owners {
  readonly owner?: string
  readonly owner_key?: string
}

async function assertOwner(
  deps: SignInDeps,
  account: AccountId,
  { nonce, signature, ton_proof }: SignInRequest,
): Promise<void> {
  const owners = await ownersOf(deps, account)
  if (signature !== undefined && owners.owner_key !== undefined) {
    const message = signInStatement({ gateway: deps.gateway, account, nonce })
    if (await deps.verify(fromHex(owners.owner_key), message, fromHex(signature))) return
  }
  if (ton_proof !== undefined && owners.owner !== undefined) {
    await assertWallet(deps, { account, nonce, wallet: owners.owner, proof: ton_proof })
    return
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

async function assertWallet(
  deps: SignInDeps,
  said: { account: AccountId; nonce: string; wallet: string; proof: TonProof },
): Promise<void> {
  const { account, nonce } = said
  try {
    await verifyTonProof(deps, said.proof, {
      wallet: tonAddress(said.wallet),
      domain: domainOf(deps.gateway),
      payload: tonProofPayload({ purpose: 'signIn', subject: account, nonce }),
      walletKey: UNASKED,
      now: toSeconds(deps.clock()),
    })
  } catch (cause) {
    if (!(cause instanceof TonProofError)) throw cause
    const code = cause.code === 'stale' ? 'stale_statement' : 'bad_signature'
    throw new AccountError(code, cause.message, { cause })
  }
}

/** The chain is not asked: the wallet's initial state must prove its key. */
const UNASKED: Bytes | undefined = undefined

function domainOf(gateway: string): string {
  return new URL(gateway).host
}
