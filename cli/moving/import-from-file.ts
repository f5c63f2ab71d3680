import { existsSync } from 'node:fs'
import type { UnixSeconds } from '#base/brand.ts'
import { createStreamReader, type StreamLine, type Totals } from '#gateway/moving/stream.ts'
import type { Unit } from '#gateway/moving/unit.ts'
import { writeUnit } from '#gateway/moving/write-unit.ts'
import { nodeProvider } from '#protocol/node'
import { call, type GatewayAccess, MovingRefused } from './gateway-api.ts'
import { gatewayTotals } from './gateway-totals.ts'
import { type OwnStore, openForMoving, openPostgresForMoving, totalsOf } from './own-store.ts'
import { readLines } from './read-lines.ts'
import { differences } from './unit-totals.ts'

export interface Imported {
  readonly written: number
  /** Units that an earlier run brought. */
  readonly skipped: number
  readonly totals: Totals
  /** What the books here and there do not agree on; empty: everything moved. */
  readonly differences: readonly string[]
}

type Write = (unit: Unit, digest: string) => boolean | Promise<boolean>

export async function importSqlite(
  file: string,
  database: string,
  now: UnixSeconds,
): Promise<Imported> {
  return importStore(file, openForMoving(database, now))
}

export async function importPostgres(file: string, url: string): Promise<Imported> {
  return importStore(file, await openPostgresForMoving(url))
}

async function importStore(file: string, own: OwnStore): Promise<Imported> {
  const { store, core, migrations } = own
  try {
    const options = { hosts: 'here', after: () => own.afterUnit() } as const
    const write: Write = (unit, digest) => writeUnit(store, unit, { ...options, digest })
    return await importAll(file, { migrations, write, totals: async () => totalsOf(core) })
  } finally {
    await own.close()
  }
}

export async function importGateway(file: string, access: GatewayAccess): Promise<Imported> {
  const { migrations } = await call<{ migrations: readonly string[] }>(access, 'schema')
  const write: Write = async (unit, digest) =>
    (await call<{ written: boolean }>(access, 'import', { unit, digest })).written
  const totals = async () => {
    await call(access, 'end', {})
    return gatewayTotals(access)
  }
  return importAll(file, { migrations, write, totals })
}

interface Target {
  readonly migrations: readonly string[]
  readonly write: Write
  readonly totals: () => Promise<{ totals: Totals; broken: readonly string[] }>
}

/**
 * 1. the whole file is read once: nothing is written of one that was changed or cut off  2. its units, one after the
 * other  3. the books of both ends are compared
 */
async function importAll(file: string, target: Target): Promise<Imported> {
  const told = await checkFile(file, target.migrations)
  let [written, skipped] = [0, 0]
  for await (const line of linesOf(file)) {
    if (line.kind !== 'unit') continue
    if (await target.write(line.unit, line.digest)) written++
    else skipped++
  }
  const { totals, broken } = await target.totals()
  return { written, skipped, totals, differences: [...differences(told, totals), ...broken] }
}

async function checkFile(file: string, migrations: readonly string[]): Promise<Totals> {
  if (!existsSync(file)) throw new MovingRefused(`there is no ${file}`)
  let end: Totals | undefined
  for await (const line of linesOf(file)) {
    if (end !== undefined) throw new MovingRefused('the file goes on after its end')
    if (line.kind === 'end') end = line.totals
    else if (line.kind === 'head' && line.migrations.join() !== migrations.join()) {
      throw new MovingRefused('the file is of another version: upgrade the older gateway first')
    }
  }
  if (end === undefined) throw new MovingRefused('the file has no end: run cocoon export again')
  return end
}

async function* linesOf(file: string): AsyncGenerator<StreamLine> {
  const read = createStreamReader((bytes) => nodeProvider.hashes.sha256(bytes))
  for await (const line of readLines(file)) yield read(line)
}
