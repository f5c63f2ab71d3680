import { join } from 'node:path'
import { readMigrations } from '#gateway/node.ts'
import { openLanes } from '#gateway/postgres/lanes.ts'
import { migratePostgres } from '#gateway/postgres/migrate-postgres.ts'
import { startServer } from '#gateway/postgres/testing/server.ts'
import { type BenchedBooks, benchBooks } from './ledger.ts'
import type { Section } from './section.ts'

const MIGRATIONS = join(import.meta.dirname, '..', 'migrations', 'postgres')

/** The same pairs on a PostgreSQL beside the gateway (`fsync` on), by one gateway's threads. */
export async function postgresSection(quick: boolean): Promise<Section> {
  const server = await startServer({ durable: true })
  try {
    const open = async (batch: number): Promise<BenchedBooks> => {
      const url = await server.database(`bench_${batch}`)
      await migratePostgres(url, readMigrations(MIGRATIONS))
      const ledger = openLanes({ url, hosts: 'here' }, () => {})
      return { ledger, checkpoint: () => {}, close: () => ledger.close() }
    }
    const rows = await benchBooks({ batches: [1, 32, 128], pairs: quick ? 1_000 : 5_000 }, open)
    return {
      title: 'Ledger on PostgreSQL: durable reserve + settle pairs, one gateway',
      header: ['pairs under way', 'pairs/s', 'CPU a pair, without the server'],
      rows: rows.map(({ batch, pairsPerSecond, cpuMicros }) => [
        String(batch),
        Math.round(pairsPerSecond).toLocaleString('en'),
        `${cpuMicros.toFixed(0)} µs`,
      ]),
    }
  } finally {
    await server.close()
  }
}
