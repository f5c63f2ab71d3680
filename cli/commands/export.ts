import { toSeconds } from '#base/brand.ts'
import { MigrateError } from '#gateway/db/migrate.ts'
import type { Totals } from '#gateway/moving/stream.ts'
import { MovingError } from '#gateway/moving/write-unit.ts'
import { PostgresError } from '#gateway/postgres/errors.ts'
import { type Command, type CommandIo, EXIT, UsageError } from '../command.ts'
import { exportGateway, exportPostgres, exportSqlite } from '../moving/export-to-file.ts'
import { MovingRefused } from '../moving/gateway-api.ts'
import { parseArguments } from '../parse-arguments.ts'
import { GatewayRefused } from '../reach-gateway.ts'

const USAGE = `cocoon export: writes everything that a gateway keeps into one file: accounts, keys, books, receipts, vouchers,
runners, sessions, cursors of the chain.

  cocoon export --to FILE                  the database of DATABASE_URL, else the SQLite file of DATABASE_PATH; stop its
                                           gateways first
  cocoon export --to FILE --gateway URL    a gateway on Workers; the operator's key in ADMIN_KEY, its PAUSED set to true

Run it again after a failure: what stands in the file stays. The file holds hashes of keys and the runners'
allowance keys: only its owner can read it. GATEWAY_SECRET, METER_KEY and GAS_KEY are not in it, and must move too.

Exit code: 0 all is in the file, 1 refused or broken off, 2 wrong usage.`

export const exportCommand: Command = {
  summary: 'write everything that a gateway keeps into a file',
  usage: USAGE,
  run: (io) => orFailed(io, () => run(io)),
}

async function run(io: CommandIo): Promise<number> {
  const options = { to: { type: 'string' }, gateway: { type: 'string' } } as const
  const { to, gateway } = parseArguments(io.args, { options }).values
  if (to === undefined) throw new UsageError('say --to FILE')
  const totals =
    gateway === undefined
      ? await exportOwn(io, to)
      : await exportGateway({ gateway, adminKey: adminKeyOf(io.env) }, to)
  io.out(JSON.stringify(totals))
  return EXIT.ok
}

function exportOwn({ env, clock }: CommandIo, to: string): Promise<Totals> {
  const url = env['DATABASE_URL']
  return url
    ? exportPostgres(url, to)
    : exportSqlite(env['DATABASE_PATH'] ?? 'cocoon-gateway.db', to, toSeconds(clock()))
}

export function adminKeyOf(env: Readonly<Record<string, string | undefined>>): string {
  const key = env['ADMIN_KEY']
  if (key === undefined || key === '') throw new UsageError('ADMIN_KEY is missing')
  return key
}

/** A move that was refused, or broke off, says what to do; everything else is a bug and says where. */
export async function orFailed(io: CommandIo, run: () => Promise<number>): Promise<number> {
  try {
    return await run()
  } catch (error) {
    const isTold = [MovingRefused, GatewayRefused, MovingError, PostgresError, MigrateError].some(
      (kind) => error instanceof kind,
    )
    if (!isTold || !(error instanceof Error)) throw error
    io.err(`cocoon: ${error instanceof MigrateError ? 'the database: ' : ''}${error.message}`)
    return EXIT.failed
  }
}
