import { z } from 'zod'
import { hex, utf8 } from '#base/bytes.ts'
import { Amount, UnitShape } from './parse-unit.ts'
import type { Unit } from './unit.ts'
import { MovingError } from './write-unit.ts'

/** Of this form of the stream; another one is refused. */
const VERSION = 1

/** What both ends of a move must agree on. */
export interface Totals {
  readonly accounts: number
  readonly available: string
  readonly held: string
  readonly hosts: string
  readonly fees: string
}

type Sha256 = (bytes: Uint8Array) => Uint8Array

/** The lines of a stream: a head, units, an end with totals, each hashed together with the line before it. */
export interface StreamWriter {
  head(migrations: readonly string[]): string
  unit(unit: Unit): string
  /** Where to go on when the writer is stopped here. */
  mark(cursor: { readonly next: object | null }): string
  end(totals: Totals): string
}

/** @param last hash of the last line that is written already, when a stream is continued */
export function createStreamWriter(sha256: Sha256, last = ''): StreamWriter {
  let before = last
  const line = (body: object): string => {
    const text = JSON.stringify(body)
    before = lineHash(sha256, before, text)
    return `${before} ${text}\n`
  }
  return {
    head: (migrations) => line({ cocoon: 'export', version: VERSION, migrations }),
    unit: (unit) => line({ unit }),
    mark: ({ next }) => line({ mark: { next } }),
    end: (totals) => line({ end: totals }),
  }
}

export type StreamLine =
  | { readonly kind: 'head'; readonly migrations: readonly string[] }
  | { readonly kind: 'unit'; readonly unit: Unit; readonly digest: string }
  | { readonly kind: 'mark'; readonly next: object | null }
  | { readonly kind: 'end'; readonly totals: Totals }

/** Reads a stream line by line; a changed, missing or reordered one is an error. @throws MovingError */
export function createStreamReader(sha256: Sha256): (line: string) => StreamLine {
  let before = ''
  return (line) => {
    const hash = line.slice(0, HASH_CHARS)
    const text = line.slice(HASH_CHARS + 1)
    if (lineHash(sha256, before, text) !== hash) {
      throw new MovingError('malformed', 'a line was changed, is missing or is cut off')
    }
    const first = before === ''
    before = hash
    return parsed(bodyOf(text), { first, digest: hex(sha256(utf8(text))) })
  }
}

/** The chain of hashes has no key: whoever wrote the file wrote its hashes too. */
const Body = z.object({
  version: z.number().optional(),
  migrations: z.array(z.string()).optional(),
  unit: UnitShape.optional(),
  mark: z.object({ next: z.looseObject({}).nullable() }).optional(),
  end: z
    .object({
      accounts: z.int().nonnegative(),
      available: Amount,
      held: Amount,
      hosts: Amount,
      fees: Amount,
    })
    .optional(),
})

function bodyOf(text: string): z.infer<typeof Body> {
  try {
    return Body.parse(JSON.parse(text))
  } catch (cause) {
    throw new MovingError('malformed', 'a line is not of this form', { cause })
  }
}

const HASH_CHARS = 64

function lineHash(sha256: Sha256, before: string, text: string): string {
  return hex(sha256(utf8(`${before} ${text}`)))
}

function parsed(
  body: z.infer<typeof Body>,
  { first, digest }: { readonly first: boolean; readonly digest: string },
): StreamLine {
  if (first) {
    if (body.version !== VERSION) throw new MovingError('malformed', 'not a stream of this version')
    return { kind: 'head', migrations: body.migrations ?? [] }
  }
  if (body.unit !== undefined) return { kind: 'unit', unit: body.unit, digest }
  if (body.mark !== undefined) return { kind: 'mark', next: body.mark.next }
  if (body.end !== undefined) return { kind: 'end', totals: body.end }
  throw new MovingError('malformed', 'neither a unit nor the end')
}
