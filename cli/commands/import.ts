import { toSeconds } from '#base/brand.ts'
import { type Command, type CommandIo, EXIT, UsageError } from '../command.ts'
import {
  type Imported,
  importGateway,
  importPostgres,
  importSqlite,
} from '../moving/import-from-file.ts'
import { parseArguments } from '../parse-arguments.ts'
import { adminKeyOf, orFailed } from './export.ts'

const USAGE = `cocoon import: brings everything that cocoon export wrote into an empty gateway.

  cocoon import --from FILE                  into the database of DATABASE_URL, else the SQLite file of DATABASE_PATH; no
                                             gateway of it may run
  cocoon import --from FILE --gateway URL    into a gateway on Workers; the operator's key in ADMIN_KEY, PAUSED set to true

The whole file is checked before anything is written. Run it again after a failure: what came before is skipped. At
the end both books are compared, to the nanoTON.

Exit code: 0 they are equal, 1 they differ, refused or broken off, 2 wrong usage.`

export const importCommand: Command = {
  summary: 'bring what export wrote into another gateway',
  usage: USAGE,
  run: (io) => orFailed(io, () => run(io)),
}

function importOwn({ env, clock }: CommandIo, from: string): Promise<Imported> {
  const url = env['DATABASE_URL']
  return url
    ? importPostgres(from, url)
    : importSqlite(from, env['DATABASE_PATH'] ?? 'cocoon-gateway.db', toSeconds(clock()))
}

async function run(io: CommandIo): Promise<number> {
  const options = { from: { type: 'string' }, gateway: { type: 'string' } } as const
  const { from, gateway } = parseArguments(io.args, { options }).values

  if (from === undefined) throw new UsageError('say --from FILE')
  const result =
    gateway === undefined
      ? await importOwn(io, from)
      : await importGateway(from, { gateway, adminKey: adminKeyOf(io.env) })
  io.out(`written ${result.written}, skipped ${result.skipped}`)
  io.out(JSON.stringify(result.totals))
  for (const difference of result.differences) io.err(`DIFFERS    ${difference}`)
  return result.differences.length === 0 ? EXIT.ok : EXIT.failed
}
