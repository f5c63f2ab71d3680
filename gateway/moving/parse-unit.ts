import { z } from 'zod'
import { accountId, tonAddress } from '../db/ids.ts'
import { parseShape } from '../parse-shape.ts'
import type { Unit } from './unit.ts'
import { MovingError } from './write-unit.ts'

const tables = z.record(
  z.string(),
  z.object({
    columns: z.array(z.string()),
    rows: z.array(
      z.array(z.union([z.string(), z.number(), z.null(), z.object({ base64: z.string() })])),
    ),
  }),
)
const idOf = (parse: (text: string) => string) => z.string().refine((text) => isOne(parse, text))
const account = { id: idOf(accountId), tables }

/** A decimal amount of nanoTON in a stream. */
export const Amount = z.string().regex(/^-?\d{1,30}$/)

/** The form of a unit; what its tables take is seen when they are written. */
export const UnitShape = z.discriminatedUnion('kind', [
  z.object({ kind: z.literal('account'), ...account, share: Amount, commission: Amount }),
  z.object({ kind: z.literal('history'), ...account }),
  z.object({ kind: z.literal('host'), id: idOf(tonAddress), tables, commission: Amount }),
  z.object({ kind: z.literal('rows'), id: z.string(), tables }),
])

/** @throws MovingError `malformed` */
export function parseUnit(value: unknown): Unit {
  const result = parseShape(UnitShape, value)
  if (result.ok) return result.data
  const at = result.issue?.path.join('.') ?? ''
  const where = at === '' ? '' : ` at ${at}`
  throw new MovingError('malformed', `a unit is not of this form${where}`, { cause: result.cause })
}

function isOne(parse: (text: string) => string, text: string): boolean {
  try {
    parse(text)
    return true
  } catch {
    return false
  }
}
