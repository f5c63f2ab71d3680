import { appendFileSync, existsSync, readFileSync, renameSync, rmSync, truncateSync } from 'node:fs'
import type { UnixSeconds } from '#base/brand.ts'
import { readStore } from '#gateway/moving/read-store.ts'
import { createStreamReader, createStreamWriter, type Totals } from '#gateway/moving/stream.ts'
import type { Unit } from '#gateway/moving/unit.ts'
import { nodeProvider } from '#protocol/node'
import { call, type GatewayAccess, MovingRefused } from './gateway-api.ts'
import { gatewayTotals } from './gateway-totals.ts'
import { type OwnStore, openForMoving, openPostgresForMoving, totalsOf } from './own-store.ts'

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

/** Page by page over the network: goes on where an earlier run ended. */
export async function exportGateway(access: GatewayAccess, file: string): Promise<Totals> {
  const part = partOf(file)
  const { migrations } = await call<{ migrations: readonly string[] }>(access, 'schema')
  const begun = existsSync(part) ? readPart(part) : undefined
  const writer = createStreamWriter(sha256, begun?.hash)
  if (begun === undefined) append(part, writer.head(migrations))
  for (let cursor = begun === undefined ? {} : begun.cursor; cursor !== null; ) {
    const page: Page = await call(access, 'export', cursor)
    const lines = page.units.map((unit) => writer.unit(unit))
    append(part, [...lines, writer.mark({ next: page.next })].join(''))
    cursor = page.next
  }
  const { totals, broken } = await gatewayTotals(access)
  if (broken.length > 0) throw new MovingRefused(`the books are broken: ${broken[0]}`)
  return finish(file, { totals, writer })
}

/** Where an earlier run ended: after its last whole page; anything behind that is cut off. */
function readPart(
  part: string,
): { readonly hash: string; readonly cursor: object | null } | undefined {
  const read = createStreamReader(sha256)
  let found: { hash: string; cursor: object | null; end: number } | undefined
  let at = 0
  for (const line of readFileSync(part, 'utf8').split('\n').slice(0, -1)) {
    at += Buffer.byteLength(line) + 1
    try {
      const parsed = read(line)
      if (parsed.kind !== 'mark') continue
      found = { hash: line.slice(0, 64), cursor: parsed.next, end: at }
    } catch {
      break
    }
  }
  if (found === undefined) {
    rmSync(part)
    return undefined
  }
  truncateSync(part, found.end)
  return found
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
