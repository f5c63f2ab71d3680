import { type UnixSeconds, unixSeconds } from '#base/brand.ts'
import { copyBytes, fromHex, hex } from '#base/bytes.ts'
import { ProtocolError, parseTonProof, type TonProofPayload, tonProofPayload } from '#protocol'
import { TonProofError, verifyTonProof } from '../accounts/ton-proof.ts'
import type { TonAddress } from '../db/ids.ts'
import { ApiError } from '../errors.ts'
import { MoneyError } from '../money/errors.ts'
import type { RunnersDeps } from './deps.ts'

const NONCE_BYTES = 16
const LIFE_SECONDS = 900
const MAX_OPEN = 10_000

/** What a host's wallet is asked to sign. */
export interface HostProofAsk {
  readonly domain: string
  readonly payload: TonProofPayload
  readonly expiresAt: UnixSeconds
}

/**
 * Asks hosts' wallets to show who controls them, once for each gateway: the subject is the wallet, so that no key rotation of a
 * runner needs its owner's phone. Nonces live in memory: whoever was asked before a restart asks again.
 * @see protocol/SPEC.md section 10.3
 */
export function createHostProofs(
  deps: Pick<
    RunnersDeps,
    'provider' | 'verifier' | 'payees' | 'gatewayName' | 'random' | 'clock' | 'walletKey'
  >,
) {
  const open = new Map<string, UnixSeconds>()
  const domainOf = () => new URL(deps.gatewayName).host
  const now = () => unixSeconds(Math.floor(deps.clock() / 1000))
  return {
    ask(wallet: TonAddress): HostProofAsk {
      for (const [payload, expires] of open) {
        // Oldest first: the first one alive ends the sweep.
        if (expires > now()) break
        open.delete(payload)
      }
      if (open.size >= MAX_OPEN) {
        throw new ApiError('rate_limit_exceeded', 'Too many proofs are asked for')
      }
      const nonce = hex(deps.random(NONCE_BYTES))
      const payload = tonProofPayload({ purpose: 'hostWallet', subject: wallet, nonce })
      const expiresAt = unixSeconds(now() + LIFE_SECONDS)
      open.set(payload, expiresAt)
      return { domain: domainOf(), payload, expiresAt }
    },

    /** @throws ApiError */
    async prove(wallet: TonAddress, body: unknown): Promise<void> {
      const proof = parsed(body)
      const { payload } = proof.proof
      const expires = open.get(payload)
      // Used up whatever comes of it.
      open.delete(payload)
      if (expires === undefined || expires <= now()) {
        throw new ApiError(
          'invalid_challenge',
          'The payload is not ours, or used, or old: ask anew',
        )
      }
      const crypto = { hashes: deps.provider.hashes, verify: deps.verifier.verify }
      const walletKey = await readKey(deps, wallet)
      // Sound: every text in the map was made by tonProofPayload.
      const expected = {
        wallet,
        domain: domainOf(),
        payload: payload as TonProofPayload,
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
