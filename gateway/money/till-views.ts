import { type Clock, type UnixMs, type UnixSeconds, unixSeconds } from '#base/brand.ts'
import type { Nano } from '#base/nano.ts'
import type { TillMeterKey, TillStatus, TillTotals } from '#contracts'
import type { AccountId, TonAddress } from '../db/ids.ts'
import type { Chain } from './chain.ts'
import { MoneyError } from './errors.ts'
import { readTill } from './read-till.ts'

/** What the chain says of a Till, for people. */
export interface TillState {
  readonly totals: TillTotals
  readonly status: TillStatus
  readonly key: TillMeterKey
  readonly seqno: number
}

/** What the chain says of one account's exit. */
export interface ExitState {
  /** What the owner's next order must name. */
  readonly nonce: number
  /** What there is to take out. */
  readonly available: Nano
  readonly exitAt: UnixSeconds | null
  readonly to: string | null
}

/** The chain as routes show it: read at most so often, whoever asks how often. */
export interface TillViews {
  /** @throws MoneyError */
  till(): Promise<TillState>
  /** @throws MoneyError */
  exit(account: AccountId): Promise<ExitState>
  /** After an order was sent: the next look is a new one. */
  forget(account: AccountId): void
}

/** How old an answer may be. */
const FRESH_MS = 3_000
const MAX_KEPT = 1_000
/** Looks under way at once: whoever comes later waits for its own turn to ask again. */
const MAX_LOOKS = 4

export function createTillViews(chain: Chain, address: TonAddress, clock: Clock): TillViews {
  const reader = readTill(chain, address)
  const kept = new Map<string, { readonly at: UnixMs; readonly value: Promise<unknown> }>()
  let looks = 0

  async function look<T>(read: () => Promise<T>): Promise<T> {
    if (looks >= MAX_LOOKS) throw new MoneyError('rate_limited', 'too many looks at the chain')
    looks++
    try {
      return await read()
    } finally {
      looks--
    }
  }

  function fresh<T>(name: string, read: () => Promise<T>): Promise<T> {
    const known = kept.get(name)
    // Sound: each name is always read by the same function.
    if (known !== undefined && clock() - known.at < FRESH_MS) return known.value as Promise<T>
    if (kept.size >= MAX_KEPT) kept.clear()
    const value = look(read)
    kept.set(name, { at: clock(), value })
    // A failure is nobody's answer but its own caller's.
    value.catch(() => kept.delete(name))
    return value
  }

  return {
    till: () =>
      fresh('till', async () => {
        // Together: pages wait for it.
        const [{ seqno }, totals, status, key] = await Promise.all([
          chain.head(address),
          reader.totals(),
          reader.status(),
          reader.meterKey(),
        ])
        return { totals, status, key, seqno }
      }),
    exit: (account) =>
      fresh(account, async () => {
        const { value } = await reader.account(account)
        const to = value.exitAt === 0 ? null : await reader.exitTo(account)
        return {
          nonce: value.nonce,
          available: value.available,
          exitAt: value.exitAt === 0 ? null : unixSeconds(value.exitAt),
          to,
        }
      }),
    forget: (account) => void kept.delete(account),
  }
}
