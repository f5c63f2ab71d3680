import type { Bytes } from '#base/bytes.ts'
import { seeded } from '#gateway/money/testing/seeded.ts'

/** Every choice of a run, from its seed. */
export interface Dice {
  /** 0 to below 1. */
  next(): number
  /** A whole number from 0 to below `limit`. */
  below(limit: number): number
  /** True with this probability. */
  chance(probability: number): boolean
  pick<T>(items: readonly T[]): T
  /** Undefined when there is none. */
  maybe<T>(items: readonly T[]): T | undefined
  bytes(length: number): Bytes
}

export function openDice(seed: number): Dice {
  const next = seeded(seed)
  const below = (limit: number): number => Math.floor(next() * limit)
  return {
    next,
    below,
    chance: (probability) => next() < probability,
    pick: (items) => {
      const item = items[below(items.length)]
      if (item === undefined) throw new RangeError('nothing to pick from')
      return item
    },
    maybe: (items) => (items.length === 0 ? undefined : items[below(items.length)]),
    bytes: (length) => Uint8Array.from({ length }, () => below(256)),
  }
}
