import { Address } from '@ton/core'
import { type Clock, toSeconds } from '#base/brand.ts'
import { Registry, type RegistrySnapshot } from '#contracts'
import type { TonAddress } from '../db/ids.ts'
import type { Chain } from '../money/chain.ts'
import { MoneyError } from '../money/errors.ts'
import { getProvider } from '../money/get-provider.ts'
import { requirePresent } from '../money/require-present.ts'

export type RegistryReads = Pick<Chain, 'head' | 'runGet'>

/**
 * Reads the whole allowlist. Beside witnesses no provider is believed alone (M11): one could list an image that betrays prompts,
 * hide a revocation, or show a version so high that no true one would ever be taken again. The first witness that shows the same
 * is enough, so that one that is silent or lags stops nothing while another one answers. One that stands still hides a revocation too.
 */
export function createReadRegistry(
  chain: RegistryReads,
  address: TonAddress,
  { witnesses, clock }: { readonly witnesses: readonly RegistryReads[]; readonly clock: Clock },
): () => Promise<RegistrySnapshot> {
  const registry = Registry.createFromAddress(Address.parseRaw(address))
  const read = async (provider: RegistryReads): Promise<RegistrySnapshot> => {
    requirePresent(await provider.head(address), toSeconds(clock()))
    return registry.getSnapshot(getProvider(provider, address))
  }
  return async () => {
    const said = read(chain)
    const agreeing = witnesses.map(async (witness) => {
      if (textOf(await read(witness)) !== textOf(await said)) throw new Error('it shows another')
    })
    const agreed = witnesses.length === 0 ? undefined : Promise.any(agreeing)
    // Its failure is told once the provider itself has answered.
    agreed?.catch(() => undefined)
    const snapshot = await said
    await agreed?.catch((cause: unknown) => {
      throw new MoneyError('untrusted', 'no witness shows the same Registry', { cause })
    })
    return snapshot
  }
}

/** Dictionaries are read in the order of their keys, so that the same list is the same text. */
function textOf({ version, entries }: RegistrySnapshot): string {
  return JSON.stringify([version, Object.entries(entries).map(([kind, of]) => [kind, [...of]])])
}
