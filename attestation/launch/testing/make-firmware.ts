import { type Bytes, concat, utf8 } from '#base/bytes.ts'
import { guidBytes } from '../guid.ts'

/** Firmware of our own making, so that a launch with every feature can be computed and compared. */
export interface MadeFirmware {
  readonly bytes: number
  readonly sev?: {
    readonly resetAddress: number
    readonly hashTable: number
    readonly sections: readonly (readonly [gpa: number, size: number, kind: number])[]
  }
  readonly tdx?: readonly {
    readonly offset: number
    readonly length: number
    readonly gpa: number
    readonly size: number
    readonly kind: number
    readonly attributes: number
  }[]
}

const RESET_VECTOR_BYTES = 32
/** Metadata of both technologies lie here, from the start of the last page but one. */
const METADATA_FROM_END = 8192

export function makeFirmware(spec: MadeFirmware): Bytes {
  const firmware = new Uint8Array(spec.bytes)
  // A fixed pattern that differs from page to page.
  for (let i = 0; i < firmware.length; i++) firmware[i] = (i * 31 + (i >> 12) * 7) & 0xff
  const { sev, tdx } = spec
  const sevMetadata = sev === undefined ? undefined : sevBlock(sev.sections)
  const tdxMetadata = tdx === undefined ? undefined : tdxBlock(tdx)
  const tdxFromEnd = METADATA_FROM_END - (sevMetadata?.length ?? 0)
  if (sevMetadata !== undefined) firmware.set(sevMetadata, spec.bytes - METADATA_FROM_END)
  if (tdxMetadata !== undefined) firmware.set(tdxMetadata, spec.bytes - tdxFromEnd)
  const table = concat(
    ...(sev === undefined
      ? []
      : [
          entry('dc886566-984a-4798-a75e-5585a7bf67cc', u32(METADATA_FROM_END)),
          entry('7255371f-3a3b-4b04-927b-1da6efa8d454', concat(u32(sev.hashTable), u32(1024))),
          entry('00f771de-1a7e-4fcb-890e-68c77e2fb44e', u32(sev.resetAddress)),
        ]),
    ...(tdx === undefined ? [] : [entry('e47a6535-984a-4798-865e-4685a7bf8ec2', u32(tdxFromEnd))]),
  )
  const footer = footerOf(table.length)
  firmware.set(
    concat(table, footer),
    spec.bytes - RESET_VECTOR_BYTES - table.length - footer.length,
  )
  return firmware
}

function sevBlock(sections: readonly (readonly [number, number, number])[]): Bytes {
  const rows = sections.map(([gpa, size, kind]) => concat(u32(gpa), u32(size), u32(kind)))
  const length = 16 + 12 * rows.length
  return concat(utf8('ASEV'), u32(length), u32(1), u32(rows.length), ...rows)
}

function tdxBlock(sections: NonNullable<MadeFirmware['tdx']>): Bytes {
  const rows = sections.map(({ offset, length, gpa, size, kind, attributes }) =>
    concat(u32(offset), u32(length), u64(gpa), u64(size), u32(kind), u32(attributes)),
  )
  const length = 16 + 32 * rows.length
  return concat(utf8('TDVF'), u32(length), u32(1), u32(rows.length), ...rows)
}

/** Data, then its length with this header's, then the GUID: read from behind. */
function entry(guid: string, data: Bytes): Bytes {
  return concat(data, u16(data.length + 18), guidBytes(guid))
}

function footerOf(tableBytes: number): Bytes {
  return concat(u16(tableBytes + 18), guidBytes('96b582de-1fb2-45f7-baea-a366c55a082d'))
}

function u16(value: number): Bytes {
  return new Uint8Array([value & 0xff, value >> 8])
}

function u32(value: number): Bytes {
  const view = new DataView(new ArrayBuffer(4))
  view.setUint32(0, value, true)
  return new Uint8Array(view.buffer)
}

function u64(value: number): Bytes {
  const view = new DataView(new ArrayBuffer(8))
  view.setBigUint64(0, BigInt(value), true)
  return new Uint8Array(view.buffer)
}
