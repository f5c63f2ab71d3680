import type { Clock, Random } from '#base/brand.ts'
import type { Bytes } from '#base/bytes.ts'
import { utf8 } from '#base/bytes.ts'
import type { CryptoMode, MacKey, Provider, Signer } from '#protocol'
import type { GatewayConfig } from '../config.ts'
import type { Timer } from '../inference/journey.ts'
import type { Ledger } from '../ledger/port.ts'
import type { Log } from '../log.ts'
import type { Metrics } from '../metrics.ts'
import type { TreeKeys } from '../money/reserves-tree.ts'

/** What every part of a gateway gets from the place it runs in. */
export interface Platform {
  readonly config: GatewayConfig
  /** This gateway's public origin, which is also its name in signed messages. */
  readonly publicUrl: string
  readonly provider: Provider<'sync'>
  /** Ed25519 as fast as the platform has it. */
  readonly verifier: Pick<Provider<CryptoMode>, 'verify'>
  readonly ledger: Ledger
  /** The Till's signer; undefined without METER_KEY. */
  readonly meter: Signer | undefined
  readonly metrics: Metrics
  /** Ends when the gateway is told to stop. */
  readonly closing: Pick<AbortSignal, 'aborted'>
  readonly clock: Clock
  readonly timer: Timer
  readonly random: Random
  readonly log: Log
}

/** What a tree of reserves is made with. */
export function treeKeys(platform: Pick<Platform, 'config' | 'provider'>): TreeKeys {
  const { hashes } = platform.provider
  return { hashes, salts: hashes.macKey(deriveSecret(platform, 'reserves')) }
}

/** Derives each account's secret for what its webhook is told. */
export function webhookSecrets(platform: Pick<Platform, 'config' | 'provider'>): MacKey {
  return platform.provider.hashes.macKey(deriveSecret(platform, 'webhooks'))
}

/** One secret in the configuration, one derived key per purpose (M10). */
export function deriveSecret(
  { config, provider }: Pick<Platform, 'config' | 'provider'>,
  purpose: string,
): Bytes {
  return provider.hashes.macKey(config.secret).mac(utf8(`cocoon gateway ${purpose}\0`))
}
