import type { Identity } from './identity.ts'

/** The identity in use and its replacement. */
export interface Identities {
  /** The identity for new registrations: replaced before its keys run out. */
  current(): Promise<Identity>
  /** Whether a lease under this identity should move to the current one. */
  isDue(identity: Identity): boolean
  /** Asks for new keys at the next `current`. */
  replace(identity: Identity): void
}

/** Keys rotate after this share of their life, so that clients never meet keys about to expire. */
const ROTATE_AT = 0.75
/** The replay guard evicts nothing: new keys come before it is full (M4). */
const REPLAY_LOAD_MAX = 0.8

/** @param now unix seconds */
export function createIdentities(make: () => Promise<Identity>, now: () => number): Identities {
  let current: Identity | undefined
  let making: Promise<Identity> | undefined
  const isDue = (identity: Identity): boolean => {
    if (identity !== current) return true
    const life = identity.keyset.not_after - identity.createdAt
    const isOld = now() >= identity.createdAt + ROTATE_AT * life
    return isOld || identity.keys.guard.load > REPLAY_LOAD_MAX
  }
  return {
    isDue,
    replace(identity) {
      if (identity === current) current = undefined
    },
    async current() {
      if (current !== undefined && !isDue(current)) return current
      making ??= make().finally(() => {
        making = undefined
      })
      current = await making
      return current
    },
  }
}
