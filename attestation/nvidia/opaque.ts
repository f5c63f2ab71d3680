import { type Bytes, hex } from '#base/bytes.ts'
import { ByteReader } from '#base/reader.ts'
import { demand } from '../errors.ts'

/** What a device says about itself inside the signed transcript. Absent fields are undefined. */
export interface OpaqueFields {
  /** "595.71.05"; GPUs only. */
  readonly driver: string | undefined
  /** "96.00.9F.00.04": firmware of a GPU (VBIOS) or a switch (BIOS). */
  readonly vbios: string | undefined
  readonly project: string | undefined
  readonly projectSku: string | undefined
  readonly chipSku: string | undefined
  /** Blackwell's chip name, "GB200". */
  readonly chipInfo: string | undefined
  /** 0xAA: video decoder 0 enabled, 0x55: disabled. */
  readonly nvdec0: number | undefined
  /** Digest of the firmware that holds the signing key, 48 bytes. */
  readonly fwid: Bytes | undefined
  /** 0xAA: protected PCIe on, 0x55: off. */
  readonly protectedPcie: number | undefined
  /** Format version of these fields. */
  readonly version: number | undefined
  /** Confidential mode by number; read only where the version says that it exists. */
  readonly featureFlag: number | undefined
  /** A switch's own id (8 bytes, hex), or the ids of a GPU's switches, one per link. */
  readonly switchIds: readonly string[]
  /** Ids of the GPUs that a switch sees; switches only. */
  readonly gpuIds: readonly string[]
}

/** Field types. @see https://github.com/NVIDIA/nvtrust (local GPU verifier, opaque data) */
const TYPE = {
  driver: 3,
  vbios: 6,
  nvdec0: 11,
  chipSku: 15,
  project: 17,
  projectSku: 18,
  fwid: 20,
  protectedPcie: 21,
  switchIds: 22,
  gpuIds: 26,
  version: 34,
  chipInfo: 35,
  featureFlag: 36,
} as const

const MAX_FIELDS = 64
const FWID_BYTES = 48
const ID_BYTES = 8
/** Type 26 lists eight GPUs, then facts about ports. */
const GPUS_OF_SWITCH = 8
/** Format version from which on a device reports its confidential mode. */
export const FEATURE_FLAG_SINCE = 1

/** Parses the type-length-value list of a transcript: each type at most once, every known field of its exact form. */
export function parseOpaqueFields(bytes: Bytes): OpaqueFields {
  const fields = readFields(bytes)
  const version = read(fields, TYPE.version, u16)
  const hasFlag = version !== undefined && version >= FEATURE_FLAG_SINCE
  return {
    driver: read(fields, TYPE.driver, driverVersion),
    vbios: read(fields, TYPE.vbios, vbiosVersion),
    project: read(fields, TYPE.project, label),
    projectSku: read(fields, TYPE.projectSku, label),
    chipSku: read(fields, TYPE.chipSku, label),
    chipInfo: read(fields, TYPE.chipInfo, label),
    nvdec0: read(fields, TYPE.nvdec0, u8),
    fwid: read(fields, TYPE.fwid, fwid),
    protectedPcie: read(fields, TYPE.protectedPcie, u8),
    version,
    featureFlag: hasFlag ? read(fields, TYPE.featureFlag, u16) : undefined,
    switchIds: read(fields, TYPE.switchIds, ids) ?? [],
    gpuIds: (read(fields, TYPE.gpuIds, ids) ?? []).slice(0, GPUS_OF_SWITCH),
  }
}

function readFields(bytes: Bytes): ReadonlyMap<number, Bytes> {
  const reader = new ByteReader(bytes)
  const fields = new Map<number, Bytes>()
  while (reader.remaining > 0) {
    const type = reader.u16le()
    const value = reader.take(reader.u16le())
    demand(!fields.has(type), 'parse', `opaque field ${type} appears twice`)
    fields.set(type, value)
    demand(fields.size <= MAX_FIELDS, 'parse', 'too many opaque fields')
  }
  return fields
}

function read<T>(
  fields: ReadonlyMap<number, Bytes>,
  type: number,
  convert: (value: Bytes) => T,
): T | undefined {
  const value = fields.get(type)
  return value === undefined ? undefined : convert(value)
}

function u8(value: Bytes): number {
  demand(value.length === 1, 'parse', 'opaque field of one byte')
  return value[0] ?? 0
}

function u16(value: Bytes): number {
  const reader = new ByteReader(value)
  const number = reader.u16le()
  reader.end()
  return number
}

function fwid(value: Bytes): Bytes {
  demand(value.length === FWID_BYTES, 'parse', 'FWID length')
  return value
}

/** C text: characters, then only NULs. */
function cText(value: Bytes): string {
  return String.fromCharCode(...value).replace(/\0+$/, '')
}

function label(value: Bytes): string {
  const text = cText(value)
  demand(/^[A-Za-z0-9]{1,16}$/.test(text), 'parse', 'opaque label')
  return text
}

function driverVersion(value: Bytes): string {
  const text = cText(value)
  demand(/^[0-9]{1,5}(\.[0-9]{1,5}){1,3}$/.test(text), 'parse', 'driver version')
  return text
}

const VBIOS = /^[0-9A-F]{2}(\.[0-9A-F]{2}){4}$/

/** GPUs: two little-endian words, `00 9f 00 96 04 00 00 00` is "96.00.9F.00.04". Switches: the text itself. */
function vbiosVersion(value: Bytes): string {
  const [a = 0, b = 0, c = 0, d = 0, e = 0, ...rest] = value
  const packed = value.length === ID_BYTES && rest.every((byte) => byte === 0)
  const text = packed
    ? [d, c, b, a, e].map((byte) => hex(Uint8Array.of(byte))).join('.')
    : cText(value)
  const upper = text.toUpperCase()
  demand(VBIOS.test(upper), 'parse', 'VBIOS version')
  return upper
}

function ids(value: Bytes): string[] {
  demand(value.length % ID_BYTES === 0, 'parse', 'list of device ids')
  const count = value.length / ID_BYTES
  return Array.from({ length: count }, (_, i) =>
    hex(value.subarray(i * ID_BYTES, (i + 1) * ID_BYTES)),
  )
}
