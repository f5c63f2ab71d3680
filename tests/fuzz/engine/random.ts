/** Numbers that a seed fixes: the same seed replays the same inputs. */
export interface Random {
  /** 0 to `below` - 1. */
  int(below: number): number
  /** True once in so many. */
  oneIn(times: number): boolean
  pick<T>(items: readonly T[]): T
  bytes(length: number): Uint8Array<ArrayBuffer>
  /** Most often small: a count of edits, the length of a piece. */
  small(most: number): number
}

/** @see Chris Doty-Humphrey, sfc32 (PractRand) */
export function createRandom(seed: number): Random {
  let a = 0x9e3779b9 | 0
  let b = 0x243f6a88 | 0
  let c = seed | 0
  let counter = 1
  const next = (): number => {
    const sum = (((a + b) | 0) + counter) | 0
    counter = (counter + 1) | 0
    a = b ^ (b >>> 9)
    b = (c + (c << 3)) | 0
    c = ((c << 21) | (c >>> 11)) + sum
    return sum >>> 0
  }
  for (let i = 0; i < 12; i++) next()
  const int = (below: number): number => next() % Math.max(1, below)
  return {
    int,
    oneIn: (times) => int(times) === 0,
    pick: (items) => {
      const item = items[int(items.length)]
      if (item === undefined) throw new RangeError('nothing to pick from')
      return item
    },
    bytes: (length) => Uint8Array.from({ length }, () => next() & 0xff),
    small: (most) => int(1 + int(1 + most)),
  }
}
