import { expect, test } from 'vitest'
import type { Ledger, Op, ResultsOf } from '../ledger/port.ts'
import { crashWalk } from './testing/crash-walk.ts'

/** The mistake that the design forbids: the cursor is saved before the credits that it passed. */
function cursorApart(ledger: Ledger): Ledger {
  return {
    async commit<const Ops extends readonly Op[]>(ops: Ops): Promise<ResultsOf<Ops>> {
      const [first, ...rest] = ops
      if (first?.op !== 'advance_cursor') return ledger.commit(ops)
      const results = [await ledger.commit([first]), await ledger.commit(rest)].flat()
      // Sound: the results of both halves, in order.
      return results as unknown as ResultsOf<Ops>
    },
  }
}

/** A walk that meets the mistake: a deposit to a fresh account whose tick dies between the two halves. */
const SEED = 11
const CRASHES = 15
/** Ten times what a walk takes where nothing else runs. */
const WALK_MS = 240_000

test(
  'crashes and faults at random points lose and invent no nano',
  async () => {
    await crashWalk({ seed: SEED, crashes: CRASHES })
  },
  WALK_MS,
)

test(
  'negative control: with the cursor saved apart the same walk loses a deposit',
  async () => {
    const walk = crashWalk({ seed: SEED, crashes: CRASHES, wrap: cursorApart })
    await expect(walk).rejects.toThrow(/expected 0n to be \d+n/)
  },
  WALK_MS,
)
