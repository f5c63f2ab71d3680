import type { UnitOutcome } from '../moving/try-write-unit.ts'
import { GATEWAY_TABLES, type GatewayPart, type Unit } from '../moving/unit.ts'
import { indexOf } from './index-object.ts'
import { listLedgers } from './list-ledgers.ts'
import type { MovingRpc, Objects } from './objects.ts'

/** Where an export goes on: at a part of the gateway, then at a ledger after another one, at a unit of it. */
export interface ExportCursor {
  readonly part: number
  readonly after: string
  readonly unit: number
}

export interface ExportPage {
  readonly units: readonly Unit[]
  readonly next: ExportCursor | null
}

export const EXPORT_START: ExportCursor = { part: 0, after: '', unit: 0 }

/** Units of one answer of a ledger, and of one page at least. */
const UNITS = 8
const PAGE_UNITS = 32
/** Parts of histories, of a megabyte and more each, after which a page ends: a Worker has 128 MB. */
const PAGE_HISTORIES = 8
/** Units of one answer of another object: of sessions as large as they may be, 30 MB of the 32 MiB that it may give. */
const PART_UNITS = 4

// Sound: the table's own keys.
const PARTS = Object.keys(GATEWAY_TABLES) as readonly GatewayPart[]

/** A page of everything: the gateway's own tables first, since the cursor of the chain must be older than any balance. */
export async function exportPage(objects: Objects, cursor: ExportCursor): Promise<ExportPage> {
  const part = PARTS[cursor.part]
  if (part === undefined) return exportLedgers(objects, cursor)
  const units = await objects[part]().exportUnits(cursor.unit, PART_UNITS)
  const next =
    units.length === PART_UNITS
      ? { ...cursor, unit: cursor.unit + PART_UNITS }
      : { part: cursor.part + 1, after: '', unit: 0 }
  return { units, next }
}

async function exportLedgers(objects: Objects, cursor: ExportCursor): Promise<ExportPage> {
  const units: Unit[] = []
  let next = cursor
  let histories = 0
  while (units.length < PAGE_UNITS && histories < PAGE_HISTORIES) {
    const [name] = (await listLedgers(objects, next.after, 1)).names
    if (name === undefined) return { units, next: null }
    const found = await objects.ledger(name).exportUnits(next.unit, UNITS)
    units.push(...found)
    histories += found.filter(({ kind }) => kind === 'history').length
    next =
      found.length === UNITS
        ? { ...next, unit: next.unit + UNITS }
        : { ...next, after: `${indexOf(name)}/${name}`, unit: 0 }
  }
  return { units, next }
}

/** Writes a unit where it belongs. */
export function importUnit(objects: Objects, unit: Unit, digest: string): Promise<UnitOutcome> {
  return homeOf(objects, unit).importUnit(unit, digest)
}

function homeOf(objects: Objects, unit: Unit): MovingRpc {
  if (unit.kind === 'host') return objects.ledger(`host:${unit.id}`)
  if (unit.kind !== 'rows') return objects.ledger(`acct:${unit.id}`)
  const [table = ''] = Object.keys(unit.tables)
  const part = PARTS.find((name) => GATEWAY_TABLES[name].some((own) => own === table))
  return objects[part ?? 'market']()
}
