import { Address, type ContractProvider, type TupleItem } from '@ton/core'
import { Registry, type RegistrySnapshot } from '#contracts'
import type { TonAddress } from '../db/ids.ts'
import type { Chain } from '../money/chain.ts'

/** Reads the whole allowlist from one provider. */
export function createReadRegistry(
  chain: Pick<Chain, 'runGet'>,
  address: TonAddress,
): () => Promise<RegistrySnapshot> {
  const registry = Registry.createFromAddress(Address.parseRaw(address))
  const get = async (method: string, args: TupleItem[]) => chain.runGet(address, method, args)
  // Sound: the wrapper's get-methods call nothing of a provider but `get`.
  const provider = { get } as unknown as ContractProvider
  return () => registry.getSnapshot(provider)
}
