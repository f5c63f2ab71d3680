import { type Material, mutateBytes } from './mutate-bytes.ts'
import { mutateDer } from './mutate-der.ts'
import { mutateJson } from './mutate-json.ts'
import type { Random } from './random.ts'
import type { Bytes, FuzzTarget, Grammar } from './target.ts'

const MUTATIONS: Readonly<Record<Grammar, (input: Bytes, material: Material) => Bytes>> = {
  bytes: mutateBytes,
  der: mutateDer,
  json: mutateJson,
}

/** @param starts what is changed: may grow meanwhile */
export function inputsOf(
  { grammar, dictionary, maxBytes }: FuzzTarget,
  starts: readonly Bytes[],
  random: Random,
): () => Bytes {
  const mutate = MUTATIONS[grammar]
  const encoder = new TextEncoder()
  const words = dictionary.map((word) => encoder.encode(word) as Bytes)
  return () => {
    // Noise finds little, but costs little too.
    if (random.oneIn(64)) return random.bytes(random.int(300))
    const material = { random, other: random.pick(starts), dictionary: words, maxBytes }
    return mutate(random.pick(starts), material)
  }
}
