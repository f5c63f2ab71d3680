import { toSeconds } from '#base/brand.ts'
import type { Bytes } from '#base/bytes.ts'
import { type TonProof, type TonProofBinding, tonProofPayload } from '#protocol'
import { type TonAddress, tonAddress } from '../db/ids.ts'
import { AccountError } from './errors.ts'
import type { OpenAccountDeps } from './open-account.ts'
import { TonProofError, verifyTonProof } from './ton-proof.ts'

/** What a wallet is asked to sign, and for which site. */
export interface ProofAsked {
  readonly domain: string
  readonly payload: string
}

export function askWalletProof(
  { gateway }: Pick<OpenAccountDeps, 'gateway'>,
  binding: TonProofBinding,
): ProofAsked {
  return { domain: domainOf(gateway), payload: tonProofPayload(binding) }
}

/**
 * The wallet that signed exactly this, here and now. That the nonce is ours and used once is for the caller to see to.
 * @throws AccountError `bad_signature`, `stale_statement`
 */
export async function walletOfProof(
  deps: OpenAccountDeps,
  proof: TonProof,
  binding: TonProofBinding,
): Promise<TonAddress> {
  const wallet = tonAddress(proof.address)
  try {
    await verifyTonProof(deps, proof, {
      wallet,
      domain: domainOf(deps.gateway),
      payload: tonProofPayload(binding),
      walletKey: UNASKED,
      now: toSeconds(deps.clock()),
    })
  } catch (cause) {
    if (!(cause instanceof TonProofError)) throw cause
    const code = cause.code === 'stale' ? 'stale_statement' : 'bad_signature'
    throw new AccountError(code, cause.message, { cause })
  }
  return wallet
}

/** The chain is not asked: the wallet's initial state must prove its key. */
const UNASKED: Bytes | undefined = undefined

function domainOf(gateway: string): string {
  return new URL(gateway).host
}
