import type { Bytes } from '#base/bytes.ts'
import { canonical } from './hash.ts'
import { tonAddress } from './ids.ts'
import { PURPOSE } from './labels.ts'
import {
  amount,
  exact,
  hexOf,
  integer,
  oneOf,
  optional,
  type Parsed,
  seconds,
  text,
} from './parse.ts'
import { parseTonProof } from './ton-proof.ts'

/** 32 Crockford base32 characters; contracts/ computes and checks it. */
export const accountId = text(32, /^[0-9A-HJKMNP-TV-Z]{32}$/)

/**
 * `POST /v1/accounts`: the owner's software made the keys and salt and shows that it holds the owner key.
 * @see SPEC.md section 10.1
 */
export const parseAccountRequest = exact({
  keys: exact({
    owner: optional(tonAddress),
    owner_key: optional(hexOf(32)),
    spend_key: optional(hexOf(32)),
    /** At least 128 bits of the owner's own randomness (C2). */
    salt: hexOf(16),
  }),
  mode: oneOf('managed', 'sovereign'),
  issued_at: seconds,
  nonce: hexOf(16),
  /** By `owner_key` over `accountStatement`. Absent only when there is no owner key. */
  signature: optional(hexOf(64)),
})
export type AccountRequest = Parsed<typeof parseAccountRequest>

/** The bytes that the owner key signs for a new key of an account. */
export function accountStatement(said: {
  gateway: string
  account: string
  issued_at: number
  nonce: string
}): Bytes {
  const { gateway, account, issued_at, nonce } = said
  return canonical({ purpose: PURPOSE.account, gateway, account, issued_at, nonce })
}

/**
 * `POST /v1/auth/session`: the owner signs a nonce of the gateway's, by its key or by its wallet.
 * @see SPEC.md section 10.6
 */
export const parseSignInRequest = exact({
  /** Absent: the one that the signing wallet is linked to. */
  account: optional(accountId),
  nonce: hexOf(16),
  /** By the account's `owner_key` over `signInStatement`. */
  signature: optional(hexOf(64)),
  /** By the account's `owner` or a linked wallet, with purpose `signIn` and the account, or `ANY_ACCOUNT`, as subject. */
  ton_proof: optional(parseTonProof),
})
export type SignInRequest = Parsed<typeof parseSignInRequest>

/** Subject of a wallet's proof that signs in to whichever account the wallet is linked to: no account has this id. */
export const ANY_ACCOUNT = 'linked-account'

/**
 * `POST /v1/account/wallets`: a wallet agrees to sign in to the caller's account from now on.
 * @see SPEC.md section 10.7
 */
export const parseWalletLink = exact({
  nonce: hexOf(16),
  /** With purpose `linkWallet` and the account as subject. */
  ton_proof: parseTonProof,
})
export type WalletLink = Parsed<typeof parseWalletLink>

/** The bytes that the owner key signs for a session. */
export function signInStatement(said: { gateway: string; account: string; nonce: string }): Bytes {
  const { gateway, account, nonce } = said
  return canonical({ purpose: PURPOSE.session, gateway, account, nonce })
}

/**
 * `POST /v1/account/cheques`: a cumulative cheque of a sovereign account, signed by its spend key over the
 * Till's cell hash (contracts/ makes and checks that hash).
 * @see SPEC.md section 10.2
 */
export const parseChequeRequest = exact({
  till: tonAddress,
  account: accountId,
  /** The Till's fee share, in basis points: part of what is signed. */
  fee_bps: integer(0, 10_000),
  /** All that this account ever allowed, nanoTON. */
  cumulative: amount,
  signature: hexOf(64),
})
export type ChequeRequest = Parsed<typeof parseChequeRequest>

/**
 * `POST /v1/account/exit`: the owner's order, signed over the Till's order cell (contracts/ makes and checks that hash).
 * Without an order: the owner has ordered on chain, and asks for the meter key's word.
 * @see SPEC.md section 10.4
 */
export const parseExitRequest = exact({
  till: tonAddress,
  account: accountId,
  order: optional(
    exact({
      /** Where the money goes. */
      to: tonAddress,
      /** The account's nonce at the Till. */
      nonce: integer(0, 0xffff_ffff),
      signature: hexOf(64),
    }),
  ),
})
export type ExitRequest = Parsed<typeof parseExitRequest>

/** `DELETE /v1/account/exit`: the owner calls it off. */
export const parseExitCancel = exact({
  till: tonAddress,
  account: accountId,
  nonce: integer(0, 0xffff_ffff),
  signature: hexOf(64),
})
export type ExitCancel = Parsed<typeof parseExitCancel>
