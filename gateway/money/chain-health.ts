import { type Clock, type UnixMs, type UnixSeconds, unixMs } from '#base/brand.ts'
import type { TonAddress } from '../db/ids.ts'
import type { Chain } from './chain.ts'
import { MoneyError, type MoneyErrorCode } from './errors.ts'

/** A provider of the chain: by its host alone, since an endpoint may have a key in it. */
export interface Provider {
  readonly host: string
  readonly role: 'primary' | 'witness'
  readonly chain: Chain
}

export const isWitness = ({ role }: Pick<Provider, 'role'>): boolean => role === 'witness'

/** How a provider answers just now. */
export interface ProviderHealth {
  readonly host: string
  readonly role: Provider['role']
  readonly at: UnixMs
  /** Masterchain block that it shows, and that block's time; null when it did not answer. */
  readonly seqno: number | null
  readonly syncedAt: UnixSeconds | null
  /** Why it did not. */
  readonly code: MoneyErrorCode | null
}

export interface ChainHealth {
  /** Asks every provider, at most every few seconds whoever asks. */
  look(): Promise<readonly ProviderHealth[]>
}

const FRESH_MS = 3_000

/** @param address a contract that each is asked about */
export function createChainHealth(
  providers: readonly Provider[],
  address: TonAddress,
  clock: Clock,
): ChainHealth {
  let last: { readonly at: UnixMs; readonly found: Promise<readonly ProviderHealth[]> } = {
    at: unixMs(0),
    found: Promise.resolve([]),
  }
  return {
    look() {
      if (clock() - last.at >= FRESH_MS) {
        const all = providers.map((provider) => lookAt(provider, address, clock))
        last = { at: clock(), found: Promise.all(all) }
      }
      return last.found
    },
  }
}

async function lookAt(
  { host, role, chain }: Provider,
  address: TonAddress,
  clock: Clock,
): Promise<ProviderHealth> {
  try {
    const { seqno, syncedAt } = await chain.head(address)
    return { host, role, at: clock(), seqno, syncedAt, code: null }
  } catch (error) {
    const code = error instanceof MoneyError ? error.code : 'bad_answer'
    return { host, role, at: clock(), seqno: null, syncedAt: null, code }
  }
}
