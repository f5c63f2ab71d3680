import type { AccountId } from '../db/ids.ts'
import { ApiError } from '../errors.ts'

/** Whose room a body takes: its account's, or, of who shows no key, its address's. */
export type BodyOwner = { readonly account: AccountId } | { readonly address: string }

export type BodyOwnerKind = 'accounts' | 'strangers'

/** What the bodies of one process may take of its memory, all requests together. */
export interface BodyBudget {
  /** For one request. */
  open(): BodyRoom
  /** Bytes that are taken now. */
  held(): Readonly<Record<BodyOwnerKind, number>>
}

/** The room of one request's body. */
export interface BodyRoom {
  /** Takes so many bytes more, of the owner that it named first. @throws ApiError `overloaded`: then it has taken nothing */
  take(owner: BodyOwner, bytes: number): void
  /** Gives all of it back: the body is needed no longer. What is taken after that is refused. */
  giveBack(): void
}

/** Who shows no key has this part of the budget, and no other: no flood of strangers keeps out who has one. */
const STRANGERS_PART = 8

export function createBodyBudget(
  totalBytes: number,
  /** Told whose body there was no room for. */
  refused: (owner: BodyOwnerKind) => void,
): BodyBudget {
  const strangersBytes = Math.floor(totalBytes / STRANGERS_PART)
  const strangers = createPool(strangersBytes, () => refused('strangers'))
  const accounts = createPool(totalBytes - strangersBytes, () => refused('accounts'))
  return {
    held: () => ({ accounts: accounts.held(), strangers: strangers.held() }),
    open() {
      let taken: { readonly pool: Pool; readonly name: string; bytes: number } | undefined
      let isOver = false
      return {
        take(owner, bytes) {
          if (isOver) throw noRoom()
          taken ??=
            'account' in owner
              ? { pool: accounts, name: owner.account, bytes: 0 }
              : { pool: strangers, name: owner.address, bytes: 0 }
          taken.pool.take(taken.name, bytes)
          taken.bytes += bytes
        },
        giveBack() {
          isOver = true
          taken?.pool.giveBack(taken.name, taken.bytes)
          taken = undefined
        },
      }
    },
  }
}

interface Pool {
  held(): number
  take(owner: string, bytes: number): void
  giveBack(owner: string, bytes: number): void
}

/**
 * An owner holds at most as much as is left after it: one alone gets half, two a third each, and however many there are, as much
 * again as each of them has is free for the next. So a share is as large as the others allow, without a list of who they are.
 * @see Choudhury, Hahne: Dynamic queue length thresholds for shared-memory packet switches (1998)
 */
function createPool(total: number, refused: () => void): Pool {
  const held = new Map<string, number>()
  let left = total
  const change = (owner: string, bytes: number): void => {
    const sum = (held.get(owner) ?? 0) + bytes
    left -= bytes
    if (sum === 0) held.delete(owner)
    else held.set(owner, sum)
  }
  return {
    held: () => total - left,
    take(owner, bytes) {
      // So asked that what is no number is refused too.
      const fits = (held.get(owner) ?? 0) + bytes <= left - bytes
      if (!fits) {
        refused()
        throw noRoom()
      }
      change(owner, bytes)
    },
    giveBack: (owner, bytes) => change(owner, -bytes),
  }
}

function noRoom(): ApiError {
  return new ApiError(
    'overloaded',
    'This gateway holds as many bytes of request bodies as it may: send it again in a moment',
  )
}
