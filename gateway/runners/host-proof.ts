import { type UnixSeconds, unixSeconds } from '#base/brand.ts'
import { copyBytes, fromHex } from '#base/bytes.ts'
import { ProtocolError, parseTonProof, type TonProofPayload, tonProofPayload } from '#protocol'
import { TonProofError, verifyTonProof } from '../accounts/ton-proof.ts'
import type { TonAddress } from '../db/ids.ts'
import { ApiError } from '../errors.ts'
import { MoneyError } from '../money/errors.ts'
import { HOST_WALLET, makeOwnNonce, readOwnNonce } from '../own-nonce.ts'
import type { RunnersDeps } from './deps.ts'

const NONCE_DIGITS = 32

/** What a host's wallet is asked to sign. */
export interface HostProofAsk {
  readonly domain: string
  readonly payload: TonProofPayload
  readonly expiresAt: UnixSeconds
}

/**
 * Asks hosts' wallets to show who controls them, once for each gateway: the subject is the wallet, so that no key rotation of a
 * runner needs its owner's phone. Asking costs no memory, so that no number of askers keeps a host out.
 * @see protocol/SPEC.md section 10.3
 */
export function createHostProofs(
  deps: Pick<
    RunnersDeps,
    | 'provider'
    | 'verifier'
    | 'payees'
    | 'gatewayName'
    | 'random'
    | 'clock'
    | 'walletKey'
    | 'hostWallets'
  >,
) {
  const domainOf = () => new URL(deps.gatewayName).host
  const now = () => unixSeconds(Math.floor(deps.clock() / 1000))
  return {
    ask(wallet: TonAddress): HostProofAsk {
      const asked = { kind: HOST_WALLET, subject: wallet, now: now() }
      const { nonce, expiresAt } = makeOwnNonce(deps.hostWallets, asked, deps.random)
      return { domain: domainOf(), payload: payloadOf(wallet, nonce), expiresAt }
    },

    /** Again with the same proof it proves the same once more. @throws ApiError */
    async prove(wallet: TonAddress, body: unknown): Promise<void> {
      const proof = parsed(body)
      const nonce = proof.proof.payload.slice(-NONCE_DIGITS)
      const asked = { kind: HOST_WALLET, subject: wallet, now: now() }
      if (readOwnNonce(deps.hostWallets, asked, nonce) === undefined) {
        throw new ApiError('invalid_challenge', 'The payload is not ours, or old: ask anew')
      }
      const crypto = { hashes: deps.provider.hashes, verify: deps.verifier.verify }
      const walletKey = await readKey(deps, wallet)
      const expected = {
        wallet,
        domain: domainOf(),
        payload: payloadOf(wallet, nonce),
        walletKey,
        now: now(),
      }
      await verifyTonProof(crypto, proof, expected).catch((cause: unknown) => {
        if (!(cause instanceof TonProofError)) throw cause
        throw new ApiError('signature_invalid', `ton_proof: ${cause.message}`, { cause })
      })
      await deps.payees.prove(wallet, deps.clock())
    },
  }
}

function payloadOf(wallet: TonAddress, nonce: string): TonProofPayload {
  return tonProofPayload({ purpose: 'hostWallet', subject: wallet, nonce })
}

function parsed(body: unknown) {
  try {
    return parseTonProof(body, 'proof')
  } catch (cause) {
    if (!(cause instanceof ProtocolError)) throw cause
    throw new ApiError('invalid_request', cause.message, { cause })
  }
}

/** The chain's word beats the wallet's; a wallet that is not deployed yet has none. */
async function readKey({ walletKey }: Pick<RunnersDeps, 'walletKey'>, wallet: TonAddress) {
  try {
    return await walletKey(wallet)
  } catch (cause) {
    if (!(cause instanceof MoneyError)) throw cause
    if (cause.code === 'refused') return undefined
    throw new ApiError('chain_unavailable', 'The chain cannot be read now', { cause })
  }
}

export const bytesOfKey = (key: bigint) => copyBytes(fromHex(key.toString(16).padStart(64, '0')))
