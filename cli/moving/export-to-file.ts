import { appendFileSync, existsSync, renameSync, rmSync, truncateSync } from 'node:fs'
import type { UnixSeconds } from '#base/brand.ts'
import { readStore } from '#gateway/moving/read-store.ts'
import { createStreamReader, createStreamWriter, type Totals } from '#gateway/moving/stream.ts'
import type { Unit } from '#gateway/moving/unit.ts'
import { MovingError } from '#gateway/moving/write-unit.ts'
import { nodeProvider } from '#protocol/node'
import { call, type GatewayAccess, MovingRefused } from './gateway-api.ts'
import { gatewayTotals } from './gateway-totals.ts'
import { type OwnStore, openForMoving, openPostgresForMoving, totalsOf } from './own-store.ts'
import { readLines } from './read-lines.ts'
import { createUnitTotals, differences, type UnitTotals } from './unit-totals.ts'

const sha256 = (bytes: Uint8Array) => nodeProvider.hashes.sha256(bytes)

/** A file that is whole has the name that was asked for; until then it has this one. */
const partOf = (file: string): string => `${file}.part`

export async function exportSqlite(
  database: string,
  file: string,
  now: UnixSeconds,
): Promise<Totals> {
  if (!existsSync(database)) throw new MovingRefused(`there is no ${database}`)
  return exportStore(openForMoving(database, now), file)
}

export async function exportPostgres(url: string, file: string): Promise<Totals> {
  return exportStore(await openPostgresForMoving(url), file)
}

/** Quick and near: always from the start, in one snapshot of the database. */
async function exportStore(own: OwnStore, file: string): Promise<Totals> {
  const { store, core, migrations } = own
  const part = partOf(file)
  rmSync(part, { force: true })
  try {
    const totals = totalsIn(core)
    return own.snapshot(() => {
      const writer = createStreamWriter(sha256)
      append(part, writer.head(migrations))
      for (const read of readStore(store)) append(part, writer.unit(read()))
      return finish(file, { totals, writer })
    })
  } finally {
    await own.close()
  }
}

function totalsIn(core: Parameters<typeof totalsOf>[0]): Totals {
  const { totals, broken } = totalsOf(core)
  if (broken.length > 0) throw new MovingRefused(`the books are broken: ${broken[0]}`)
  return totals
}

interface Page {
  readonly units: readonly Unit[]
  readonly next: object | null
}

/**
 * Page by page over the network: goes on where an earlier run ended. A gateway whose hosts wait for shares, or whose books change
 * meanwhile, is refused: what was read of it would not add up.
 */
export async function exportGateway(access: GatewayAccess, file: string): Promise<Totals> {
  const part = partOf(file)
  const { migrations } = await call<{ migrations: readonly string[] }>(access, 'schema')
  await settledTotals(access)
  const begun = existsSync(part) ? await readPart(part) : undefined
  const moved = begun?.moved ?? createUnitTotals()
  const writer = createStreamWriter(sha256, begun?.hash)
  if (begun === undefined) append(part, writer.head(migrations))
  for (let cursor = begun === undefined ? {} : begun.cursor; cursor !== null; ) {
    const page: Page = await call(access, 'export', cursor)
    for (const unit of page.units) moved.add(unit)
    const lines = page.units.map((unit) => writer.unit(unit))
    append(part, [...lines, writer.mark({ next: page.next })].join(''))
    cursor = page.next
  }
  const totals = await settledTotals(access)
  const [difference] = differences(moved.totals(), totals)
  if (difference === undefined) return finish(file, { totals, writer })
  rmSync(part)
  throw new MovingRefused(`the books changed meanwhile (${difference}): run the command again`)
}

async function settledTotals(access: GatewayAccess): Promise<Totals> {
  const { totals, broken, isUnderWay } = await gatewayTotals(access)
  if (broken.length > 0) throw new MovingRefused(`the books are broken: ${broken[0]}`)
  if (!isUnderWay) return totals
  throw new MovingRefused(
    'shares of hosts are still on their way to them: run the command again in a minute',
  )
}

interface Begun {
  readonly hash: string
  readonly cursor: object | null
  readonly moved: UnitTotals
}

/** Where an earlier run ended: after its last whole page; anything behind that is cut off. */
async function readPart(part: string): Promise<Begun | undefined> {
  const end = await lastMark(part)
  if (end === 0) {
    rmSync(part)
    return undefined
  }
  truncateSync(part, end)
  const read = createStreamReader(sha256)
  const moved = createUnitTotals()
  let begun: Begun | undefined
  for await (const line of readLines(part)) {
    const parsed = read(line)
    if (parsed.kind === 'unit') moved.add(parsed.unit)
    if (parsed.kind === 'mark') begun = { hash: line.slice(0, 64), cursor: parsed.next, moved }
  }
  return begun
}

/** @returns where the last page ends, in bytes */
async function lastMark(part: string): Promise<number> {
  const read = createStreamReader(sha256)
  let [at, end] = [0, 0]
  try {
    for await (const line of readLines(part)) {
      at += Buffer.byteLength(line) + 1
      if (read(line).kind === 'mark') end = at
    }
  } catch (error) {
    if (!(error instanceof MovingError)) throw error
  }
  return end
}

function finish(
  file: string,
  {
    totals,
    writer,
  }: { readonly totals: Totals; readonly writer: ReturnType<typeof createStreamWriter> },
): Totals {
  append(partOf(file), writer.end(totals))
  renameSync(partOf(file), file)
  return totals
}

function append(file: string, text: string): void {
  appendFileSync(file, text, { mode: 0o600, flush: true })
}
