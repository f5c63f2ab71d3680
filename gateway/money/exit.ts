import type { UnixSeconds } from '#base/brand.ts'
import type { Nano } from '#base/nano.ts'
import type { AccountMode } from '../ledger/ops/common.ts'
import type { OrderedExit } from '../ledger/port.ts'

/** What the Till says of an account, as far as its exit is concerned. */
export interface ExitOnChain {
  readonly nonce: number
  readonly debit: Nano
  /** What the exit would pay out, less what is still charged. */
  readonly available: Nano
  readonly capLeft: Nano
  /** Null while no exit is armed. */
  readonly exitAt: UnixSeconds | null
  /** Whether the Till takes nobody's word on a final debit at present. */
  readonly frozen: boolean
  /** Whether our meter key is the one that counts: here the one before it does not. */
  readonly honoured: boolean
}

/** What our books say of it. */
export interface ExitInBooks {
  readonly mode: AccountMode
  readonly held: Nano
  readonly settled: Nano
}

/**
 * What keeps an exit from its next step. Open requests, the day's cap, a freeze and a provider that is behind (`block`) pass by
 * themselves; a cheque is the owner's to sign, and a meter key that does not count is the operator's to change.
 */
export type ExitWaits = 'requests' | 'cheque' | 'cap' | 'freeze' | 'key' | 'block'

export type ExitCommand =
  | { readonly do: 'request' | 'cancel' | 'finish' | 'close' }
  | { readonly do: 'fast'; readonly debit: Nano; readonly nonce: number }
  | { readonly do: 'wait'; readonly for: ExitWaits }

/**
 * The next step of an ordered exit. The order reaches the Till, the open requests end, then the meter key gives its word on the
 * final debit and the money goes out at once; whatever keeps that from happening, the Till's delay ends it all the same.
 */
export function decideExit(
  exit: Pick<OrderedExit, 'nonce' | 'to' | 'cancel'>,
  chain: ExitOnChain,
  books: ExitInBooks,
  now: UnixSeconds,
): ExitCommand {
  // The order named a nonce that the Till had shown: what shows an earlier one is behind, and says nothing of this exit.
  if (exit.nonce > chain.nonce) return { do: 'wait', for: 'block' }
  const isOrdered = exit.to !== null && exit.nonce === chain.nonce
  // The order's nonce is used up and nothing is armed: it was paid, called off, or has lapsed.
  if (chain.exitAt === null && !isOrdered) return { do: 'close' }
  // Gas is for money that leaves: orders of empty accounts cost their owners nothing, and would cost us for ever.
  if (chain.available === 0n) return { do: 'close' }
  const { cancel } = exit
  if (cancel !== null && cancel.nonce === chain.nonce) return { do: 'cancel' }
  if (chain.exitAt === null) return { do: 'request' }
  const waits = waitsFor(chain, books)
  if (waits === undefined) {
    return { do: 'fast', nonce: chain.nonce, debit: finalDebit(chain, books) }
  }
  return chain.exitAt <= now ? { do: 'finish' } : { do: 'wait', for: waits }
}

function waitsFor(
  { debit, capLeft, frozen, honoured }: ExitOnChain,
  { mode, held, settled }: ExitInBooks,
): ExitWaits | undefined {
  if (frozen) return 'freeze'
  if (!honoured) return 'key'
  // A debit beyond our books means that receipts are still to come, or that these books are old (M16).
  if (held > 0n || debit > settled) return 'requests'
  if (mode === 'sovereign') return settled > debit ? 'cheque' : undefined
  return settled - debit > capLeft ? 'cap' : undefined
}

/** A sovereign account's debit is what its cheques have collected; a managed one's is collected by this very order. */
function finalDebit({ debit }: ExitOnChain, { mode, settled }: ExitInBooks): Nano {
  return mode === 'sovereign' ? debit : settled
}
