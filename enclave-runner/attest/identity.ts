import { gpuEvidenceDigest } from '#attestation/hashes'
import type { Random } from '#base/brand.ts'
import { hex } from '#base/bytes.ts'
import type { CryptoMode, Keyset, Provider, RunnerKeys, SealingKey, Signer } from '#protocol'
import {
  formatSubject,
  generateSealingKey,
  gpuNonce,
  keysetDigest,
  ReplayGuard,
  SessionTable,
} from '#protocol'
import { generateSigner } from '#protocol/node'
import type { GpuEvidence, Quoter } from '../quote/quoter.ts'

/** Who this runner is for a while: keys in memory, the keyset that names them, and the GPUs behind it. */
export interface Identity {
  readonly keyset: Keyset
  /** `sha256:<hex>` of the keyset. */
  readonly digest: string
  /** Opens requests; holds the replay guard, so that it lives exactly as long as the keys. */
  readonly keys: RunnerKeys
  /** The key to which gateways open their allowance context. */
  readonly allowanceKey: SealingKey
  readonly signer: Signer
  readonly gpu: GpuEvidence | null
  /** Which GPUs that evidence is of. */
  readonly gpuState: string
  /** Unix seconds. */
  readonly createdAt: number
  /** Next sequence number of a signed registration or heartbeat. */
  nextSequence(): number
}

/** What the host's wallet and the measured image fix. */
export interface Claims {
  /** Raw TON address. */
  readonly payee: string
  readonly model: string
  /** `sha256:<hex>`. */
  readonly weights: string
}

export interface IdentityInput {
  readonly provider: Provider<CryptoMode>
  readonly gpus: Pick<Quoter, 'gpu' | 'gpuState'>
  readonly claims: Claims
  readonly random: Random
  /** Unix seconds. */
  readonly now: number
  readonly lifetimeSeconds: number
}

const KEY_ID_BYTES = 8

/**
 * Makes a new identity.
 * 1. fresh, independent keys: one a suite, one for receipts  2. GPU evidence under a nonce that names those
 * keys  3. the subject with that evidence's digest, model, weights and payee  4. the keyset of all of it
 */
export async function createIdentity(input: IdentityInput): Promise<Identity> {
  const { provider, claims, now } = input
  const x25519 = await generateSealingKey(provider.suites['ehbp-x25519'])
  const hybrid = await generateSealingKey(provider.suites['ehbp-mlkem768-x25519'])
  const signer = generateSigner(`receipt-${hex(input.random(KEY_ID_BYTES))}`)
  const publicKeys = {
    e2ee_public_keys: [x25519, hybrid].map(({ suite, publicKey }) => ({
      key_id: suite.name,
      algo: suite.name,
      public_key: hex(publicKey),
    })),
    receipt_signing_keys: [
      { key_id: signer.keyId, algo: 'ed25519', public_key: hex(signer.publicKey) },
    ],
  }
  const gpuState = await input.gpus.gpuState()
  const gpu = await input.gpus.gpu(gpuNonce(publicKeys))
  const gpuDigest = gpu === null ? 'none' : await gpuEvidenceDigest(gpu.devices)
  const keyset: Keyset = {
    subject: formatSubject({ ...claims, gpu: gpuDigest }),
    not_after: now + input.lifetimeSeconds,
    ...publicKeys,
    tls_public_keys: [],
  }
  const guard = new ReplayGuard()
  let sequence = 0
  return {
    keyset,
    digest: keysetDigest(keyset),
    keys: {
      sealing: { 'ehbp-x25519': x25519, 'ehbp-mlkem768-x25519': hybrid },
      guard,
      sessions: new SessionTable(guard),
    },
    allowanceKey: x25519,
    signer,
    gpu,
    gpuState,
    createdAt: now,
    nextSequence: () => sequence++,
  }
}
