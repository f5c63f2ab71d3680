import type { UnixSeconds } from '#base/brand.ts'
import { type Bytes, concat, fromBase64, fromHex, utf8 } from '#base/bytes.ts'
import { CodedError } from '#base/coded-error.ts'
import type { Hashes, Provider, TonProof, TonProofPayload } from '#protocol'
import type { TonAddress } from '../db/ids.ts'
import { keyOfWallet } from './wallet-key.ts'

/** How far a proof's time may be from our clock. */
export const TON_PROOF_SECONDS = 300

/**
 * `wrong_wallet`, `wrong_domain`, `wrong_payload`: it was signed by another wallet, on another site, or for another purpose,
 * subject or nonce: ask for one again. `stale`: sign a new one. `key_unproven`: neither the chain nor the initial
 * state says which key the wallet has: send `state_init`, or use a usual wallet. `forged`: stop.
 */
export type TonProofErrorCode =
  | 'wrong_wallet'
  | 'wrong_domain'
  | 'wrong_payload'
  | 'stale'
  | 'key_unproven'
  | 'forged'

export class TonProofError extends CodedError<TonProofErrorCode> {}

/** What the proof must say. */
export interface TonProofExpectation {
  readonly wallet: TonAddress
  /** Host of the site that may ask, as wallets show it: `gateway.example`, with the port where it is not the usual one. */
  readonly domain: string
  /** Purpose, subject and nonce. That the nonce is ours and used once is for the caller to see to. */
  readonly payload: TonProofPayload
  /** What the chain answers to `get_public_key`, when it was asked: it beats the initial state. */
  readonly walletKey: Bytes | undefined
  readonly now: UnixSeconds
}

type Crypto = Pick<Provider, 'verify'> & { readonly hashes: Pick<Hashes, 'sha256'> }

/**
 * Proves that whoever made this controls a wallet's key, for this site, this purpose, this subject and this nonce, just now.
 *
 * 1. It names the wallet, the domain and the whole payload that we asked for (M17).
 * 2. It is fresh.
 * 3. The wallet's key is the chain's word or follows from the address; what the wallet says of itself is not asked.
 * 4. The key signed exactly this.
 *
 * @throws TonProofError
 * @see protocol/SPEC.md section 10.3
 */
export async function verifyTonProof(
  crypto: Crypto,
  { address, state_init, proof }: TonProof,
  expected: TonProofExpectation,
): Promise<void> {
  const { domain, payload, timestamp, signature } = proof
  if (address !== expected.wallet) throw new TonProofError('wrong_wallet', 'of another wallet')
  if (domain.value !== expected.domain || domain.lengthBytes !== utf8(domain.value).length) {
    throw new TonProofError('wrong_domain', 'signed for another site')
  }
  if (payload !== expected.payload) {
    throw new TonProofError('wrong_payload', 'signed for another purpose, subject or nonce')
  }
  if (Math.abs(expected.now - timestamp) > TON_PROOF_SECONDS) {
    throw new TonProofError('stale', 'signed too long ago, or by a clock that is wrong')
  }
  const proven = state_init === undefined ? undefined : keyOfWallet(expected.wallet, state_init)
  const key = expected.walletKey ?? proven
  if (key === undefined) throw new TonProofError('key_unproven', 'no known key of the wallet')
  const message = signedMessage(crypto.hashes, expected, timestamp)
  const valid = await crypto.verify(key, message, fromBase64(signature))
  if (!valid) throw new TonProofError('forged', 'not signed by the wallet')
}

const ITEM_LABEL = utf8('ton-proof-item-v2/')
const CONNECT_LABEL = concat(new Uint8Array([0xff, 0xff]), utf8('ton-connect'))

/** The 32 bytes that a wallet signs. @see https://docs.ton.org/ecosystem/ton-connect, "ton_proof" */
function signedMessage(
  { sha256 }: Pick<Hashes, 'sha256'>,
  { wallet, domain, payload }: TonProofExpectation,
  timestamp: number,
): Bytes {
  const [workchain = '', hash = ''] = wallet.split(':')
  const name = utf8(domain)
  const message = sha256(
    ITEM_LABEL,
    integer(4, (view) => view.setInt32(0, Number(workchain))),
    fromHex(hash),
    integer(4, (view) => view.setUint32(0, name.length, true)),
    name,
    integer(8, (view) => view.setBigUint64(0, BigInt(timestamp), true)),
    utf8(payload),
  )
  return sha256(CONNECT_LABEL, message)
}

function integer(length: number, write: (view: DataView) => void): Bytes {
  const bytes = new Uint8Array(length)
  write(new DataView(bytes.buffer))
  return bytes
}
