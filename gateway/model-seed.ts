import { MAX_COLUMN_NANO, type NanoPerMillion, nanoPerMillion, parseNano } from '#base/nano.ts'

/** A model as the configuration sells it. */
export interface ModelSeed {
  readonly id: string
  readonly name: string
  readonly input: NanoPerMillion
  readonly cached: NanoPerMillion
  readonly output: NanoPerMillion
  readonly demonstration: boolean
}

const MEMBERS: ReadonlySet<string> = new Set([
  'id',
  'name',
  'input',
  'cached',
  'output',
  'demonstration',
] satisfies (keyof ModelSeed)[])
const MODEL_ID = /^[\x21-\x7e]{1,200}$/

/** @throws RangeError */
export function modelSeed(entry: unknown): ModelSeed {
  if (typeof entry !== 'object' || entry === null) throw new RangeError('takes objects')
  // Sound: a non-null object is read by own string keys only.
  const members = entry as Record<string, unknown>
  const { id, name = '', input, cached, output, demonstration = false } = members
  if (typeof id !== 'string' || !MODEL_ID.test(id)) throw new RangeError('has a model without id')
  // A price that was misspelt must not be one that is not there.
  if (!Object.keys(members).every((member) => MEMBERS.has(member))) {
    throw new RangeError(`has a member of ${id} beside ${[...MEMBERS].join(', ')}`)
  }
  if (typeof name !== 'string') throw new RangeError(`has a name of ${id} that is no text`)
  if (typeof demonstration !== 'boolean') {
    throw new RangeError(`has a demonstration of ${id} that is no boolean`)
  }
  const seed = {
    id,
    name: name === '' ? id : name.slice(0, 200),
    input: priceOf(id, input),
    cached: priceOf(id, cached ?? input),
    output: priceOf(id, output),
    demonstration,
  }
  // More than an amount column holds: it could be read, and never kept.
  if (seed.input > MAX_COLUMN_NANO || seed.output > MAX_COLUMN_NANO) {
    throw new RangeError(`has a price of ${id} that is too large`)
  }
  if (seed.cached > seed.input) throw new RangeError(`has a cached price of ${id} above its input`)
  return seed
}

function priceOf(id: string, value: unknown): NanoPerMillion {
  try {
    if (typeof value !== 'string' && typeof value !== 'number') throw new TypeError('no price')
    return nanoPerMillion(parseNano(String(value)))
  } catch {
    throw new RangeError(`has a price of ${id} that is no whole number of nanoTON`)
  }
}
