import {
  type Collateral,
  type CollateralSource,
  DEFAULT_POLICY,
  defaultCollateralSettings,
  type TrustAnchors,
} from '#attestation'
import { hex } from '#base/bytes.ts'
import type { TonAddress } from '../db/ids.ts'
import { createAllowlistSource } from '../runners/allowlist-source.ts'
import {
  type Challenges,
  createChallenges,
  type UsedChallenges,
  usedInMemory,
} from '../runners/challenges.ts'
import type { Origins, RunnersDeps, Voucher } from '../runners/deps.ts'
import type { Directory } from '../runners/directory.ts'
import { bytesOfKey } from '../runners/host-proof.ts'
import type { Payees } from '../runners/payees.ts'
import { createReadRegistry, type RegistryReads } from '../runners/read-registry.ts'
import type { RunnerHours } from '../runners/runner-hours.ts'
import type { RunnerStore } from '../runners/runner-store.ts'
import { createTrackRecords } from '../runners/track-records.ts'
import { deriveSecret, type Platform } from './platform.ts'

/** Development only (H17). */
export interface SimulationTrust {
  readonly anchors: TrustAnchors
  readonly collateral: Collateral
}

/** What the market needs beside the platform: its tables, the chain, and addresses to give out. */
export interface MarketParts {
  readonly directory: Directory
  readonly store: RunnerStore
  readonly hours: RunnerHours
  /** Whether requests go by the directory of this place, so that their outcome is known here. */
  readonly countsRequests: boolean
  /** Whether this place counts runners' time: where several do the same, one. */
  readonly countsTime: () => boolean
  readonly payees: Payees
  /** Undefined: this process alone issues challenges and takes them. */
  readonly usedChallenges: UsedChallenges | undefined
  readonly latestVoucher: (payee: TonAddress) => Promise<Voucher | undefined>
  readonly collateral: CollateralSource
  readonly chain: RegistryReads
  /** Other providers, without which its word on the Registry counts for nothing. */
  readonly witnesses: readonly RegistryReads[]
  readonly origins: Origins
  readonly simulation: SimulationTrust | undefined
  /** Whether runners may dial out to this gateway. */
  readonly takesTunnels: boolean
}

/** Puts registration, appraisal and leases together: what serves hosts, wherever it runs. */
export function composeMarket(platform: Platform, parts: MarketParts): RunnersDeps {
  const { config, provider, verifier, ledger, meter, clock, random, log } = platform
  const { directory, store, collateral, origins, latestVoucher, simulation } = parts
  const { hours, countsRequests, countsTime } = parts
  const { registry, till } = config.chain
  return {
    provider,
    verifier,
    directory,
    store,
    records: createTrackRecords({ hours, directory, countsRequests, countsTime, clock }),
    payees: parts.payees,
    requiresHostProof: config.hostProof === 'required',
    walletKey: async (wallet) => {
      const { stack } = await parts.chain.runGet(wallet, 'get_public_key', [])
      return bytesOfKey(stack.readBigNumber())
    },
    challenges: openChallenges(platform, parts.usedChallenges),
    hostWallets: provider.hashes.macKey(deriveSecret(platform, 'host wallets')),
    allowlist: createAllowlistSource({
      readRegistry: createReadRegistry(parts.chain, registry, {
        witnesses: parts.witnesses,
        clock,
      }),
      clock,
      log,
      denials: config.denials,
      floor: store.registryFloor,
    }),
    collateral,
    collateralSettings: defaultCollateralSettings(random),
    anchors: simulation?.anchors,
    givenCollateral: simulation?.collateral ?? new Map(),
    gpu: { ...DEFAULT_POLICY.gpu, presence: config.gpu },
    origins,
    ledger,
    latestVoucher,
    urlRules: { loopback: !config.production },
    takesTunnels: parts.takesTunnels,
    gatewayName: platform.publicUrl,
    maxCoefficientBps: config.maxCoefficientBps,
    till,
    meterKey: meter === undefined ? undefined : hex(meter.publicKey),
    clock,
    random,
    log,
  }
}

/** A memory that ends with the process takes the key of its challenges along. */
function openChallenges(platform: Platform, used: UsedChallenges | undefined): Challenges {
  const { provider, random } = platform
  const key =
    used === undefined ? random(MAC_BYTES) : deriveSecret(platform, 'registration challenges')
  const mac = provider.hashes.macKey(key)
  return createChallenges({ mac, random, used: used ?? usedInMemory() })
}

const MAC_BYTES = 32
