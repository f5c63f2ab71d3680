import type { ContractProvider, TupleItem } from '@ton/core'
import type { TonAddress } from '../db/ids.ts'
import type { Chain } from './chain.ts'

/** What a wrapper's get-methods of one contract need. */
export function getProvider(chain: Pick<Chain, 'runGet'>, address: TonAddress): ContractProvider {
  const get = async (method: string, args: TupleItem[]) => {
    const { stack } = await chain.runGet(address, method, args)
    return { stack }
  }
  // Sound: the wrappers' get-methods call nothing of a provider but `get`.
  return { get } as unknown as ContractProvider
}
