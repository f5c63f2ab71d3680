import { type Material, mutateBytes } from './mutate-bytes.ts'
import type { Random } from './random.ts'

type Bytes = Uint8Array<ArrayBuffer>

/** A place in a document that can be changed. */
interface Place {
  readonly value: unknown
  set(value: unknown): void
  remove(): void
}

const encoder = new TextEncoder()
const decoder = new TextDecoder()
const MOST_PLACES = 2_000
const DEEP = 200

/** Values that parsers forget: of another type, beyond a limit, or not quite a number or a word. */
const VALUES: readonly unknown[] = [
  null,
  true,
  false,
  0,
  -1,
  1,
  1.5,
  1e308,
  2 ** 31,
  2 ** 32,
  2 ** 53,
  -(2 ** 53),
  1e-7,
  '',
  ' ',
  '0',
  '-1',
  '1e3',
  '00',
  '0x10',
  'null',
  'NaN',
  '\u0000',
  '\ud800',
  '\u{1f600}',
  'x'.repeat(300),
  'x'.repeat(5_000),
  '9'.repeat(40),
  [],
  {},
  [[]],
  [null],
  { length: 1 },
  { toString: 1 },
  '__proto__',
  'constructor',
  'sha256:',
  'https://[',
  '0:',
]
const NAMES = [
  '__proto__',
  'constructor',
  'toString',
  'length',
  '',
  '0',
  'type',
  'kind',
  'then',
  '\ud800',
]
/** Written as they are: no parsed value gives them back. */
const RAW = [
  '-0',
  '1e400',
  '1E2',
  '0.0',
  '"\\u0000"',
  '"\\ud83d"',
  '{"a":1,"a":2}',
  '{"__proto__":1}',
  '1e-400',
]
const MARK = '\u{f0000}'

/** Edits the tree of a JSON document and writes it again; what is no JSON, and one in four, is edited as bytes. */
export function mutateJson(input: Bytes, material: Material): Bytes {
  const { random } = material
  const document = random.oneIn(4) ? undefined : parse(input)
  if (document === undefined) return mutateBytes(input, material)
  const root = { value: document.value }
  let raw: string | undefined
  for (let edits = 1 + random.small(3); edits > 0; edits--) {
    const place = random.pick(placesOf(root, 'value'))
    if (random.oneIn(16)) {
      raw = random.pick(RAW)
      place.set(MARK)
    } else editPlace(place, material)
  }
  let text = JSON.stringify(root.value) ?? ''
  if (raw !== undefined) text = text.replace(`"${MARK}"`, raw)
  if (random.oneIn(32)) text = '['.repeat(DEEP) + text + ']'.repeat(DEEP)
  const bytes = encoder.encode(text) as Bytes
  return bytes.length > material.maxBytes ? input : bytes
}

/** A value of its own: places of one document must not change together. */
function anyValue(random: Random): unknown {
  return structuredClone(random.pick(VALUES))
}

function editPlace(place: Place, material: Material): void {
  const { random, other } = material
  const { value } = place
  const edits: readonly (() => void)[] = [
    () => place.set(anyValue(random)),
    () => place.set(anyValue(random)),
    () => place.remove(),
    () => addTo(place, random),
    () => {
      const foreign = parse(other)
      if (foreign === undefined) return
      const donor = { value: foreign.value }
      place.set(structuredClone(random.pick(placesOf(donor, 'value')).value))
    },
    () => place.set(nearTo(value, material)),
    () => place.set(nearTo(value, material)),
    () => place.set(nearTo(value, material)),
  ]
  random.pick(edits)()
}

/** A value of the same type that is not the same. */
function nearTo(value: unknown, material: Material): unknown {
  const { random } = material
  if (typeof value === 'number') return value + random.pick([-1, 1, 0.5, 256, -256, 2 ** 32])
  if (typeof value === 'boolean') return !value
  if (typeof value === 'string') return nearText(value, material)
  if (Array.isArray(value)) {
    return [...value, ...copiesOf(value, material)]
  }
  return [value]
}

/** Up to seventy more elements, and no more of them than fit: three edits of seventy each would be longer than any string. */
function copiesOf(value: readonly unknown[], { random, maxBytes }: Material): unknown[] {
  const room = Math.ceil(maxBytes / JSON.stringify(value).length)
  const copies = value.length < 64 ? Math.min(random.int(70), room) : 1
  return Array.from({ length: copies }, () => structuredClone(value[random.int(value.length)]))
}

function nearText(text: string, material: Material): string {
  const { random } = material
  if (random.oneIn(4)) return text.toUpperCase() === text ? text.toLowerCase() : text.toUpperCase()
  if (random.oneIn(4)) return text + random.pick(['', ' ', '=', '\n', '\u0000', text])
  const bytes = encoder.encode(text) as Bytes
  return decoder.decode(mutateBytes(bytes, { ...material, maxBytes: 2 * bytes.length + 64 }))
}

function addTo({ value }: Place, random: Random): void {
  if (Array.isArray(value)) value.splice(random.int(value.length + 1), 0, anyValue(random))
  else if (typeof value === 'object' && value !== null) {
    Object.defineProperty(value, random.pick(NAMES), {
      value: anyValue(random),
      enumerable: true,
      configurable: true,
      writable: true,
    })
  }
}

/** Every value of a document, the outermost first. */
function placesOf(holder: object, key: string | number): readonly Place[] {
  const places: Place[] = []
  const open: { readonly holder: object; readonly key: string | number }[] = [{ holder, key }]
  for (
    let next = open.pop();
    next !== undefined && places.length < MOST_PLACES;
    next = open.pop()
  ) {
    const at = next
    const value: unknown = Reflect.get(at.holder, at.key)
    places.push({
      value,
      set: (changed) => Reflect.set(at.holder, at.key, changed),
      remove: () => {
        if (Array.isArray(at.holder)) at.holder.splice(Number(at.key), 1)
        else Reflect.deleteProperty(at.holder, at.key)
      },
    })
    if (Array.isArray(value)) for (const i of value.keys()) open.push({ holder: value, key: i })
    else if (typeof value === 'object' && value !== null) {
      for (const name of Object.keys(value)) open.push({ holder: value, key: name })
    }
  }
  return places
}

function parse(bytes: Bytes): { readonly value: unknown } | undefined {
  try {
    return { value: JSON.parse(decoder.decode(bytes)) }
  } catch {
    return undefined
  }
}
