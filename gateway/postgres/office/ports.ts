import { asc, eq } from 'drizzle-orm'
import type { Store } from '../../db/db.ts'
import type { TonAddress } from '../../db/ids.ts'
import { leases, runners } from '../../db/schema.ts'
import { createModelTable } from '../../inference/stored-catalog.ts'
import { readOwedBooks } from '../../money/reserves.ts'
import type { UsedChallenges } from '../../runners/challenges.ts'
import { createLatestVoucher } from '../../runners/latest-voucher.ts'
import { createPayees } from '../../runners/payees.ts'
import { createRunnerHours } from '../../runners/runner-hours.ts'
import { createRunnerStore } from '../../runners/runner-store.ts'
import type { PostgresStore } from '../open-postgres.ts'

/** Everything beside the ledger that a gateway asks of its tables, by the names under which the main thread calls it. */
export function officePorts(store: PostgresStore, till: TonAddress | undefined) {
  const { registryFloor, ...runnerStore } = createRunnerStore(store)
  return {
    runners: runnerStore,
    floor: registryFloor,
    payees: createPayees(store),
    hours: createRunnerHours(store),
    usedChallenges: sharedChallenges(store),
    models: createModelTable(store.db),
    books: { read: () => store.snapshot(() => readOwedBooks(store)) },
    vouchers: { latest: createLatestVoucher(store.db, till) },
    market: { look: () => look(store) },
  }
}

export type OfficePorts = ReturnType<typeof officePorts>

/** What changes of leases from moment to moment: small enough to be read every other second. */
function look({ db }: Store) {
  return db
    .select({
      id: runners.id,
      state: runners.state,
      seen: runners.seen,
      session: leases.session,
    })
    .from(leases)
    .innerJoin(runners, eq(runners.id, leases.runner))
    .orderBy(asc(runners.id))
    .all()
}

const PREFIX = 'challenge:'

/** Used challenges as marks: a runner may ask one gateway and answer another. */
function sharedChallenges(store: Store): UsedChallenges {
  const drop = store.prepare(`DELETE FROM marks WHERE name LIKE '${PREFIX}%' AND value <= ?`)
  const add = store.prepare(
    'INSERT INTO marks (name, value) VALUES (?, ?) ON CONFLICT (name) DO NOTHING RETURNING name',
  )
  return {
    add(challenge, expires, now) {
      drop.run(now)
      return add.get(PREFIX + challenge, expires) !== undefined
    },
  }
}
