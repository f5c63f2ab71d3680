import { unixSeconds } from '#base/brand.ts'
import type { Chain } from '#gateway/money/chain.ts'
import type { SqliteStore } from '#gateway/node/open-sqlite.ts'
import type { Proofs } from '#gateway/receipts/proofs.ts'
import type { Directory } from '#gateway/runners/directory.ts'
import type { Standing } from '#gateway/runners/live-runner.ts'
import { ReplayGuard, SessionTable } from '#protocol'
import type { Guard } from './guard.ts'

/** A transaction is called durable before it is: the next one commits it. */
function lazy(store: SqliteStore): SqliteStore {
  let isOpen = false
  const commit = (): void => {
    if (isOpen) store.script('COMMIT')
    isOpen = false
  }
  return {
    ...store,
    db: store.db,
    checkpoint: () => {},
    transaction: (work) => {
      commit()
      store.script('BEGIN IMMEDIATE')
      isOpen = true
      return work()
    },
  }
}

/** A runner that forgets what it has answered. */
function forgetful(table: SessionTable): SessionTable {
  const context: SessionTable['context'] = async (provider, input) => {
    const known = await table.context(provider, input)
    return { secret: known.secret, useCounter: () => {} }
  }
  // Sound: requests ask the table for contexts and nothing else.
  return { context } as unknown as SessionTable
}

/** Open while the answer is under way, and never again. */
function openOnce(proofs: Proofs): Proofs {
  const opened = new Set<string>()
  return {
    ...proofs,
    open(receipt) {
      if (!opened.has(receipt)) proofs.open(receipt)
      opened.add(receipt)
    },
  }
}

/** A provider's word for what came before, in place of the transaction's own: each second one is left out. */
function gullible(chain: Chain): Chain {
  return {
    ...chain,
    transactions: async (...args) => {
      const page = await chain.transactions(...args)
      return page
        .filter((_, i) => i % 2 === 0)
        .map((walked, i) => ({ ...walked, previous: page[i * 2 + 1]?.previous ?? walked.previous }))
    },
  }
}

/** Verdicts never get old. */
function trusting(directory: Directory): Directory {
  const ever = (standing: Standing) => ({ ...standing, validUntil: unixSeconds(2 ** 40) })
  return {
    ...directory,
    put: (runner) => directory.put({ ...runner, standing: ever(runner.standing) }),
    setStanding: (id, session, standing) => directory.setStanding(id, session, ever(standing)),
  }
}

export const GUARDS_OF_GATEWAY: readonly Guard[] = [
  {
    name: 'a receipt is signed by its runner',
    broken: { sabotage: { verify: () => true } },
  },
  {
    name: 'a late receipt claims no more than was served',
    broken: {
      sabotage: { proofs: (proofs) => ({ ...proofs, covers: () => true }) },
    },
  },
  {
    name: 'a receipt that overtakes its answer waits',
    broken: {
      sabotage: { proofs: (proofs) => ({ ...proofs, isOpen: () => false }) },
    },
  },
  {
    name: 'no receipt is taken of an attempt whose hold is yet to be given back',
    broken: { sabotage: { proofs: openOnce } },
  },
  {
    name: 'a hold that could not be given back is tried again',
    broken: {
      sabotage: {
        unwritten: { add: () => {}, writeAll: async () => {}, drained: async () => {} },
      },
    },
  },
  {
    name: 'a runner with a revoked image gets no work',
    broken: { sabotage: { directory: (directory) => ({ ...directory, remove: () => {} }) } },
  },
  {
    name: 'one provider is not believed alone, of accounts',
    broken: { sabotage: { believesOne: 'of accounts' } },
  },
  {
    name: 'one provider is not believed alone, of hosts',
    broken: { sabotage: { believesOne: 'of hosts' } },
  },
  {
    name: 'what was answered is on the disk',
    broken: { sabotage: { store: lazy } },
  },
  {
    name: 'a runner serves a request once, however often it comes',
    broken: { sabotage: { sessions: forgetful } },
  },
  {
    name: 'history is followed by its hash chain',
    broken: { sabotage: { chain: gullible } },
  },
  {
    name: 'the list of what may run never goes back',
    broken: { sabotage: { floor: { get: () => 0, put: () => {} } } },
  },
  {
    name: 'nobody gets work on an old reading of the Registry',
    broken: { sabotage: { directory: trusting } },
  },
  {
    name: 'a runner makes new keys at each start',
    broken: {
      sabotage: {
        reborn: (generation) => {
          if (generation === undefined) return undefined
          const guard = new ReplayGuard()
          const { keys } = generation
          return { ...generation, keys: { ...keys, guard, sessions: new SessionTable(guard) } }
        },
      },
    },
  },
]
