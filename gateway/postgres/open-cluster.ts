import { ConfigError, type GatewayConfig } from '../config.ts'
import { MigrateError, type Migration } from '../db/migrate.ts'
import type { Log } from '../log.ts'
import type { Backing } from '../node/backing.ts'
import { PostgresError } from './errors.ts'
import { openLanes } from './lanes.ts'
import { CLAIM_MS, createLeader } from './leader.ts'
import { type MigrationNews, migratePostgres } from './migrate-postgres.ts'
import { openOffice } from './office/open-office.ts'

/**
 * The tables of a gateway that shares a PostgreSQL database with others. Three threads keep them: two run the ledger, one
 * everything else. Each has a connection, and the leader's lock has another.
 * @throws ConfigError that says what to mend
 */
export async function openCluster(
  config: GatewayConfig,
  url: string,
  { migrations, log }: { readonly migrations: readonly Migration[]; readonly log: Log },
): Promise<Backing> {
  await orUnusable(() => migratePostgres(url, migrations, (news) => tell(log, news)))
  const leader = createLeader(url)
  await orUnusable(() => leader.claim())
  const office = openOffice({ url, config })
  const closing: (() => Promise<void>)[] = [() => office.close(), () => leader.close()]
  return {
    openLedger(note) {
      const lanes = openLanes({ url, hosts: 'here' }, note)
      closing.unshift(() => lanes.close())
      return lanes
    },
    runners: { ...office.runners, registryFloor: office.floor },
    payees: office.payees,
    hours: office.hours,
    usedChallenges: office.usedChallenges,
    latestVoucher: (payee) => office.vouchers.latest(payee),
    models: office.models,
    readBooks: () => office.books.read(),
    async openMoney(_ledger, watch) {
      office.watch(watch)
      const listed = await office.money.jobs()
      return listed.map((job) => ({ ...job, run: () => office.money.run(job.name) }))
    },
    jobs: [{ name: 'leader', everyMs: CLAIM_MS, run: () => leader.claim() }],
    // A server that is away comes back by itself.
    storeState: () => leader.state(),
    leads: () => leader.leads(),
    others: { look: () => office.market.look() },
    leave: () => void office.money.leave().catch(() => {}),
    async close() {
      for (const close of closing) await close()
    },
  }
}

function tell(log: Log, news: MigrationNews): void {
  if (news.kind === 'waits') log('info', 'waits for another gateway to migrate the database')
  else log('info', 'migrates the database, which may take long', { code: news.name })
}

async function orUnusable(work: () => Promise<void>): Promise<void> {
  try {
    await work()
  } catch (error) {
    if (error instanceof MigrateError) {
      throw new ConfigError('invalid', `DATABASE_URL: ${error.message}`, { cause: error })
    }
    if (!(error instanceof PostgresError)) throw error
    throw new ConfigError('invalid', error.message, { cause: error })
  }
}
