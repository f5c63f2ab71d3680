import type { Brand } from '#base/brand.ts'
import { utf8 } from '#base/bytes.ts'
import { tonAddress } from './ids.ts'
import { TON_PROOF } from './labels.ts'
import { exact, integer, optional, type Parsed, type Parser, text } from './parse.ts'

/** Wallets on hardware sign payloads up to this. @see https://docs.ton.org/ecosystem/ton-connect */
const MAX_PAYLOAD_BYTES = 128
const SUBJECT = /^[A-Za-z0-9:_-]{1,80}$/
const NONCE = /^[0-9a-f]{32}$/
const MAX_DOMAIN_BYTES = 128
const MAX_STATE_INIT_CHARS = 8_192
const SIGNATURE = /^[A-Za-z0-9+/]{86}==$/

/** What a wallet's proof is asked for: a proof for one never serves for another (M17). */
export type TonProofPurpose = keyof typeof TON_PROOF

/** What a proof is for, about whom, and once. */
export interface TonProofBinding {
  readonly purpose: TonProofPurpose
  /** Whose matter it is: an account id, a wallet. */
  readonly subject: string
  /** 32 hex digits of the verifier's own randomness, used once. */
  readonly nonce: string
}

/** Made by `tonProofPayload` alone: a verifier takes no text of anyone's own. */
export type TonProofPayload = Brand<string, 'TonProofPayload'>

/**
 * The text that a wallet is asked to sign as TON Connect's `ton_proof` payload: it names purpose, subject and nonce,
 * and fits what hardware wallets take.
 * @throws RangeError for a subject or nonce outside its form
 * @see SPEC.md section 10.3
 */
export function tonProofPayload(binding: TonProofBinding): TonProofPayload {
  const { purpose, subject, nonce } = binding
  if (!SUBJECT.test(subject) || !NONCE.test(nonce)) throw new RangeError('not a proof binding')
  const payload = `${TON_PROOF[purpose]}/${subject}/${nonce}`
  if (utf8(payload).length > MAX_PAYLOAD_BYTES) throw new RangeError('a proof binding is too long')
  // Sound: this function is the brand's definition.
  return payload as TonProofPayload
}

/** Wallets say the time as a number or, as the specification has it, as decimal text. */
const timestamp: Parser<number> = (value, path) =>
  integer(0, 253_402_300_799)(
    typeof value === 'string' && /^(?:0|[1-9]\d{0,11})$/.test(value) ? Number(value) : value,
    path,
  )

/** A wallet's proof as a caller hands it over: TON Connect's `proof` unchanged, and what the wallet said of itself. */
export const parseTonProof = exact({
  address: tonAddress,
  /** `walletStateInit`, base64: proves the public key of every usual wallet without a look at the chain. */
  state_init: optional(text(MAX_STATE_INIT_CHARS)),
  proof: exact({
    timestamp,
    domain: exact({ lengthBytes: integer(1, MAX_DOMAIN_BYTES), value: text(MAX_DOMAIN_BYTES) }),
    payload: text(MAX_PAYLOAD_BYTES),
    signature: text(88, SIGNATURE),
  }),
})
export type TonProof = Parsed<typeof parseTonProof>
