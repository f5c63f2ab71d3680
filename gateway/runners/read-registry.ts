import { Address } from '@ton/core'
import { Registry, type RegistrySnapshot } from '#contracts'
import type { TonAddress } from '../db/ids.ts'
import type { Chain } from '../money/chain.ts'
import { MoneyError } from '../money/errors.ts'
import { getProvider } from '../money/get-provider.ts'

type Reads = Pick<Chain, 'runGet'>

/**
 * Reads the whole allowlist. Beside witnesses no provider is believed alone (M11): one could list an image that betrays prompts,
 * hide a revocation, or show a version so high that no true one would ever be taken again. A witness that is silent stops nothing
 * while another one answers.
 */
export function createReadRegistry(
  chain: Reads,
  address: TonAddress,
  witnesses: readonly Reads[],
): () => Promise<RegistrySnapshot> {
  const registry = Registry.createFromAddress(Address.parseRaw(address))
  const read = (provider: Reads) => registry.getSnapshot(getProvider(provider, address))
  return async () => {
    const [said, heard] = await Promise.all([read(chain), Promise.allSettled(witnesses.map(read))])
    const others = heard.flatMap((one) => (one.status === 'fulfilled' ? [one.value] : []))
    if (witnesses.length > 0 && others.length === 0) {
      throw new MoneyError('untrusted', 'no witness shows the Registry')
    }
    if (others.some((other) => textOf(other) !== textOf(said))) {
      throw new MoneyError('untrusted', 'providers show different Registries')
    }
    return said
  }
}

/** Dictionaries are read in the order of their keys, so that the same list is the same text. */
function textOf({ version, entries }: RegistrySnapshot): string {
  return JSON.stringify([version, Object.entries(entries).map(([kind, of]) => [kind, [...of]])])
}
