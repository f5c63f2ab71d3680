import { Address } from '@ton/core'
import { Registry, type RegistrySnapshot } from '#contracts'
import type { TonAddress } from '../db/ids.ts'
import type { Chain } from '../money/chain.ts'
import { getProvider } from '../money/get-provider.ts'

/** Reads the whole allowlist from one provider. */
export function createReadRegistry(
  chain: Pick<Chain, 'runGet'>,
  address: TonAddress,
): () => Promise<RegistrySnapshot> {
  const registry = Registry.createFromAddress(Address.parseRaw(address))
  const provider = getProvider(chain, address)
  return () => registry.getSnapshot(provider)
}
