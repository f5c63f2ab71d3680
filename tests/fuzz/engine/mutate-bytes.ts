import type { Random } from './random.ts'

type Bytes = Uint8Array<ArrayBuffer>

/** What a mutation may use beside the input itself. */
export interface Material {
  readonly random: Random
  /** Another input that is known to be interesting. */
  readonly other: Bytes
  readonly dictionary: readonly Bytes[]
  readonly maxBytes: number
}

/** Lengths and counts at which programs go wrong. */
const NUMBERS = [
  0, 1, 2, 3, 4, 7, 8, 15, 16, 17, 31, 32, 33, 63, 64, 127, 128, 129, 255, 256, 1_023, 1_024, 4_096,
  0x7fff, 0x8000, 0xffff, 0x1_0000, 0xff_ffff, 0x400_0000, 0x400_0001, 0x7fff_ffff, 0x8000_0000,
  0xffff_fffe, 0xffff_ffff,
]
const MOST_EDITS = 6
const MOST_PIECE = 64
const MOST_REPEATS = 64

/** One to six edits on bytes whose format is not looked at. */
export function mutateBytes(input: Bytes, material: Material): Bytes {
  let bytes = input
  for (let edits = 1 + material.random.small(MOST_EDITS - 1); edits > 0; edits--) {
    bytes = material.random.pick(EDITS)(bytes, material)
  }
  return bytes.length > material.maxBytes ? bytes.slice(0, material.maxBytes) : bytes
}

type Edit = (bytes: Bytes, material: Material) => Bytes

/** In place of `length` bytes at `at`. */
export function replaceAt(bytes: Bytes, at: number, length: number, by: Uint8Array): Bytes {
  const end = Math.min(bytes.length, at + length)
  const result = new Uint8Array(bytes.length - (end - at) + by.length)
  result.set(bytes.subarray(0, at))
  result.set(by, at)
  result.set(bytes.subarray(end), at + by.length)
  return result
}

function span(bytes: Bytes, random: Random): readonly [at: number, length: number] {
  const at = random.int(bytes.length + 1)
  const left = bytes.length - at
  // Pieces are short, but now and then everything that is left.
  return [at, random.oneIn(16) ? random.int(left + 1) : Math.min(left, random.small(MOST_PIECE))]
}

const flipBit: Edit = (bytes, { random }) => {
  if (bytes.length === 0) return bytes
  const changed = bytes.slice()
  const at = random.int(bytes.length)
  changed[at] = (changed[at] ?? 0) ^ (1 << random.int(8))
  return changed
}

const setByte: Edit = (bytes, { random }) => {
  if (bytes.length === 0) return bytes
  const changed = bytes.slice()
  const value = random.oneIn(2) ? random.int(256) : random.pick([0, 1, 0x7f, 0x80, 0x84, 0xff])
  changed[random.int(bytes.length)] = value
  return changed
}

/** A number of one to eight bytes becomes an extreme one, or one beside what it was or what would fit. */
const tamperNumber: Edit = (bytes, { random }) => {
  const width = random.pick([1, 2, 2, 3, 4, 4, 8])
  if (bytes.length < width) return bytes
  const at = random.int(bytes.length - width + 1)
  const isLittle = random.oneIn(2)
  const near = bytes.length - at - width + random.int(5) - 2
  const places = Array.from({ length: width }, (_, i) => at + (isLittle ? i : width - 1 - i))
  const was = places.reduceRight((sum, place) => sum * 256 + (bytes[place] ?? 0), 0)
  let value = random.pick([random.pick(NUMBERS), near, was + random.int(9) - 4])
  const changed = bytes.slice()
  for (const place of places) {
    changed[place] = ((value % 256) + 256) % 256
    value = Math.floor(value / 256)
  }
  return changed
}

const remove: Edit = (bytes, { random }) =>
  replaceAt(bytes, ...span(bytes, random), new Uint8Array())

const truncate: Edit = (bytes, { random }) => bytes.slice(0, random.int(bytes.length + 1))

const insertNoise: Edit = (bytes, { random }) =>
  replaceAt(bytes, random.int(bytes.length + 1), 0, random.bytes(1 + random.small(16)))

const duplicate: Edit = (bytes, { random }) => {
  const [at, length] = span(bytes, random)
  return replaceAt(bytes, at, 0, bytes.slice(at, at + length))
}

const repeat: Edit = (bytes, { random, maxBytes }) => {
  const [at, length] = span(bytes, random)
  const piece = bytes.subarray(at, at + length)
  const room = Math.max(0, maxBytes - bytes.length)
  const times = Math.min(1 + random.int(MOST_REPEATS), Math.floor(room / Math.max(1, length)))
  const all = new Uint8Array(piece.length * times)
  for (let i = 0; i < times; i++) all.set(piece, i * piece.length)
  return replaceAt(bytes, at, 0, all)
}

const move: Edit = (bytes, { random }) => {
  const [at, length] = span(bytes, random)
  const piece = bytes.slice(at, at + length)
  const without = replaceAt(bytes, at, length, new Uint8Array())
  return replaceAt(without, random.int(without.length + 1), 0, piece)
}

const zero: Edit = (bytes, { random }) => {
  const [at, length] = span(bytes, random)
  return bytes.slice().fill(random.pick([0, 0, 0xff, 0x20]), at, at + length)
}

/** A piece of another input, or all that follows in it. */
const splice: Edit = (bytes, { random, other }) => {
  const [from, length] = span(other, random)
  const piece = other.subarray(from, random.oneIn(4) ? other.length : from + length)
  const at = random.int(bytes.length + 1)
  return replaceAt(bytes, at, random.oneIn(2) ? piece.length : 0, piece)
}

const token: Edit = (bytes, { random, dictionary }) => {
  if (dictionary.length === 0)
    return flipBit(bytes, { random, other: bytes, dictionary, maxBytes: 0 })
  const word = random.pick(dictionary)
  return replaceAt(bytes, random.int(bytes.length + 1), random.oneIn(2) ? word.length : 0, word)
}

const EDITS: readonly Edit[] = [
  flipBit,
  flipBit,
  setByte,
  setByte,
  tamperNumber,
  tamperNumber,
  tamperNumber,
  remove,
  truncate,
  insertNoise,
  duplicate,
  repeat,
  move,
  zero,
  splice,
  splice,
  token,
  token,
]
