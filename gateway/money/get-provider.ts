import type { ContractProvider, TupleItem } from '@ton/core'
import type { TonAddress } from '../db/ids.ts'
import type { Chain } from './chain.ts'

/** What a wrapper's get-methods of one contract need. @param seen told at which block each answer was true */
export function getProvider(
  chain: Pick<Chain, 'runGet'>,
  address: TonAddress,
  seen?: (seqno: number | null) => void,
): ContractProvider {
  const get = async (method: string, args: TupleItem[]) => {
    const { stack, seqno } = await chain.runGet(address, method, args)
    seen?.(seqno)
    return { stack }
  }
  // Sound: the wrappers' get-methods call nothing of a provider but `get`.
  return { get } as unknown as ContractProvider
}
