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

const MODEL_ID = /^[\x21-\x7e]{1,200}$/

/** @throws RangeError */
export function modelSeed(entry: unknown): ModelSeed {
  if (typeof entry !== 'object' || entry === null) throw new RangeError('takes objects')
  // Sound: a non-null object is read by own string keys only.
  const { id, name, input, cached, output, demonstration } = entry as Record<string, unknown>
  if (typeof id !== 'string' || !MODEL_ID.test(id)) throw new RangeError('has a model without id')
  const price = (value: unknown): NanoPerMillion => {
    try {
      return nanoPerMillion(parseNano(String(value)))
    } catch {
      throw new RangeError(`has a price of ${id} that is no whole number of nanoTON`)
    }
  }
  const seed = {
    id,
    name: typeof name === 'string' && name !== '' ? name.slice(0, 200) : id,
    input: price(input),
    cached: price(cached ?? input),
    output: price(output),
    demonstration: demonstration === true,
  }
  // More than an amount column holds: it could be read, and never kept.
  if (seed.input > MAX_COLUMN_NANO || seed.output > MAX_COLUMN_NANO) {
    throw new RangeError(`has a price of ${id} that is too large`)
  }
  if (seed.cached > seed.input) throw new RangeError(`has a cached price of ${id} above its input`)
  return seed
}
