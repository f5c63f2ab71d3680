import type { Bytes } from '#base/bytes.ts'
import { fromUtf8 } from '#base/bytes.ts'
import { CodedError } from '#base/coded-error.ts'
import { ByteReader, ReadError } from '#base/reader.ts'

/** `malformed`: not a GGUF v3 file; stop. `unsupported`: a GGUF that this small engine cannot run; use llama.cpp. */
export type GgufErrorCode = 'malformed' | 'unsupported'

export class GgufError extends CodedError<GgufErrorCode> {
  override readonly name = 'GgufError'
}

export type GgufValue = number | boolean | string | readonly GgufValue[]

/** A tensor widened to float32. `shape` is innermost first, as in the file. */
export interface GgufTensor {
  readonly shape: readonly number[]
  readonly values: Float32Array
}

export interface GgufFile {
  readonly metadata: ReadonlyMap<string, GgufValue>
  readonly tensors: ReadonlyMap<string, GgufTensor>
}

const MAGIC = 0x46554747 // "GGUF", little-endian
const VERSION = 3
const ALIGNMENT_BYTES = 32
const MAX_ENTRIES = 1024
const MAX_TENSORS = 4096
const MAX_STRING_BYTES = 65_536
const MAX_ARRAY_ITEMS = 1 << 18
const MAX_DIMENSIONS = 4
/** This engine is for models of a few million parameters. */
const MAX_PARAMETERS = 1 << 26

const ARRAY_TYPE = 9
const STRING_TYPE = 8
const TENSOR_F32 = 0
const TENSOR_F16 = 1

/** Value readers by GGUF type id; the other ids do not occur in files that this engine can run. */
const SCALARS: ReadonlyMap<number, (reader: ByteReader) => GgufValue> = new Map<
  number,
  (reader: ByteReader) => GgufValue
>([
  [4, (reader) => reader.u32le()],
  [5, (reader) => reader.u32le() | 0],
  [6, (reader) => float32(reader.u32le())],
  [7, readBool],
  [STRING_TYPE, readString],
])

/**
 * Parses a whole GGUF v3 file of f32 and f16 tensors. Counts, lengths and offsets are checked before
 * anything is allocated; duplicate names, unknown types and overlapping or missing data are refused.
 * @throws GgufError
 * @see https://github.com/ggml-org/ggml/blob/master/docs/gguf.md
 */
export function parseGguf(bytes: Bytes): GgufFile {
  try {
    const reader = new ByteReader(bytes)
    if (reader.u32le() !== MAGIC) throw malformed('no GGUF magic')
    if (reader.u32le() !== VERSION) throw new GgufError('unsupported', 'not GGUF version 3')
    const tensorCount = bounded(reader.u64le(), MAX_TENSORS, 'tensors')
    const entryCount = bounded(reader.u64le(), MAX_ENTRIES, 'metadata entries')
    const metadata = readMetadata(reader, entryCount)
    const infos = readTensorInfos(reader, tensorCount)
    const dataStart = align(reader.offset)
    return { metadata, tensors: readTensors(bytes, dataStart, infos) }
  } catch (error) {
    if (error instanceof ReadError) throw malformed('the file ends early', error)
    throw error
  }
}

interface TensorInfo {
  readonly name: string
  readonly shape: readonly number[]
  readonly type: number
  readonly count: number
  readonly offset: number
}

function readMetadata(reader: ByteReader, count: number): ReadonlyMap<string, GgufValue> {
  const metadata = new Map<string, GgufValue>()
  for (let i = 0; i < count; i++) {
    const key = readString(reader)
    if (metadata.has(key)) throw malformed('a metadata key occurs twice')
    metadata.set(key, readValue(reader, reader.u32le()))
  }
  return metadata
}

function readValue(reader: ByteReader, type: number): GgufValue {
  if (type !== ARRAY_TYPE) return scalarReader(type)(reader)
  const readItem = scalarReader(reader.u32le())
  const length = bounded(reader.u64le(), MAX_ARRAY_ITEMS, 'array items')
  const items: GgufValue[] = []
  for (let i = 0; i < length; i++) items.push(readItem(reader))
  return items
}

function scalarReader(type: number): (reader: ByteReader) => GgufValue {
  const read = SCALARS.get(type)
  if (read === undefined) throw new GgufError('unsupported', `metadata value type ${type}`)
  return read
}

function readTensorInfos(reader: ByteReader, count: number): readonly TensorInfo[] {
  const infos: TensorInfo[] = []
  const names = new Set<string>()
  let parameters = 0
  for (let i = 0; i < count; i++) {
    const info = readTensorInfo(reader)
    if (names.has(info.name)) throw malformed('a tensor name occurs twice')
    names.add(info.name)
    parameters += info.count
    if (parameters > MAX_PARAMETERS) throw new GgufError('unsupported', 'the model is too large')
    infos.push(info)
  }
  return infos
}

function readTensorInfo(reader: ByteReader): TensorInfo {
  const name = readString(reader)
  const dimensions = reader.u32le()
  if (dimensions < 1 || dimensions > MAX_DIMENSIONS) throw malformed('tensor dimensions')
  const shape: number[] = []
  let count = 1
  for (let i = 0; i < dimensions; i++) {
    const size = bounded(reader.u64le(), MAX_PARAMETERS, 'tensor size')
    count *= size
    shape.push(size)
  }
  const type = reader.u32le()
  const offset = bounded(reader.u64le(), Number.MAX_SAFE_INTEGER, 'tensor offset')
  if (offset % ALIGNMENT_BYTES !== 0) throw malformed('an unaligned tensor')
  return { name, shape, type, count, offset }
}

function readTensors(
  bytes: Bytes,
  dataStart: number,
  infos: readonly TensorInfo[],
): ReadonlyMap<string, GgufTensor> {
  const tensors = new Map<string, GgufTensor>()
  let end = dataStart
  for (const info of [...infos].sort((a, b) => a.offset - b.offset)) {
    const start = dataStart + info.offset
    if (start < end) throw malformed('tensors overlap')
    const read = TENSORS.get(info.type)
    if (read === undefined) throw new GgufError('unsupported', `tensor type ${info.type}`)
    end = start + info.count * read.width
    if (end > bytes.length) throw malformed('a tensor ends after the file')
    const view = new DataView(bytes.buffer, bytes.byteOffset + start, info.count * read.width)
    tensors.set(info.name, { shape: info.shape, values: read.widen(view, info.count) })
  }
  return tensors
}

interface TensorReader {
  readonly width: number
  readonly widen: (view: DataView, count: number) => Float32Array
}

const TENSORS: ReadonlyMap<number, TensorReader> = new Map([
  [TENSOR_F32, { width: 4, widen: widenF32 }],
  [TENSOR_F16, { width: 2, widen: widenF16 }],
])

function widenF32(view: DataView, count: number): Float32Array {
  const values = new Float32Array(count)
  for (let i = 0; i < count; i++) values[i] = view.getFloat32(4 * i, true)
  return values
}

function widenF16(view: DataView, count: number): Float32Array {
  const values = new Float32Array(count)
  for (let i = 0; i < count; i++) values[i] = float16(view.getUint16(2 * i, true))
  return values
}

/** IEEE 754 binary16: 1 sign, 5 exponent (bias 15), 10 fraction bits. */
function float16(bits: number): number {
  const sign = bits >> 15 === 0 ? 1 : -1
  const exponent = (bits >> 10) & 31
  const fraction = bits & 1023
  if (exponent === 31) throw malformed('an infinite or NaN weight')
  if (exponent === 0) return sign * 2 ** -14 * (fraction / 1024)
  return sign * 2 ** (exponent - 15) * (1 + fraction / 1024)
}

const scratch = new DataView(new ArrayBuffer(4))

function float32(bits: number): number {
  scratch.setUint32(0, bits)
  return scratch.getFloat32(0)
}

function readBool(reader: ByteReader): boolean {
  const byte = reader.u8()
  if (byte > 1) throw malformed('a boolean that is neither 0 nor 1')
  return byte === 1
}

function readString(reader: ByteReader): string {
  const bytes = reader.take(bounded(reader.u64le(), MAX_STRING_BYTES, 'string bytes'))
  try {
    return fromUtf8(bytes)
  } catch (error) {
    throw malformed('a string is not UTF-8', error)
  }
}

function bounded(value: bigint, max: number, what: string): number {
  if (value > BigInt(max)) throw malformed(`more than ${max} ${what}`)
  return Number(value)
}

function align(offset: number): number {
  return Math.ceil(offset / ALIGNMENT_BYTES) * ALIGNMENT_BYTES
}

function malformed(message: string, cause?: unknown): GgufError {
  return new GgufError('malformed', message, { cause })
}
