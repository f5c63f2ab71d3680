import { type Bytes, hex } from '#base/bytes.ts'
import { ByteReader } from '#base/reader.ts'
import { guidBytes } from './guid.ts'
import { LaunchError, parsingFile } from './launch-error.ts'

/** A firmware volume for guests (OVMF), as far as a launch reads it. */
export interface Firmware {
  readonly bytes: Bytes
  /** Guest physical address of its first byte: it ends at 4 GiB. */
  readonly gpa: number
  readonly sev: SevLayout | undefined
  readonly tdx: readonly TdxSection[] | undefined
}

export interface SevLayout {
  /** Where application processors start: CS base and IP in one. */
  readonly resetAddress: number
  /** Where the loader puts hashes of kernel, initrd and command line; undefined: no direct boot. */
  readonly hashTable: number | undefined
  readonly sections: readonly SevSection[]
}

export interface SevSection {
  readonly gpa: number
  readonly size: number
  readonly kind: 'memory' | 'secrets' | 'cpuid' | 'caa' | 'kernel-hashes'
}

export interface TdxSection {
  readonly offset: number
  readonly length: number
  readonly gpa: number
  readonly size: number
  /** Pages that the guest accepts itself are not part of the launch. */
  readonly added: boolean
  /** Whether the contents are measured, or their addresses only. */
  readonly extended: boolean
}

const FOUR_GIB = 0x1_0000_0000
const PAGE = 4096
const MAX_FIRMWARE_BYTES = 64 * 1024 * 1024
const MAX_SECTIONS = 256
/** The table of GUIDs ends this far before the end of the volume. */
const RESET_VECTOR_BYTES = 32
const ENTRY_BYTES = 18

const FOOTER = key('96b582de-1fb2-45f7-baea-a366c55a082d')
const SEV_METADATA = key('dc886566-984a-4798-a75e-5585a7bf67cc')
const SEV_HASHES = key('7255371f-3a3b-4b04-927b-1da6efa8d454')
const SEV_RESET = key('00f771de-1a7e-4fcb-890e-68c77e2fb44e')
const TDX_METADATA = key('e47a6535-984a-4798-865e-4685a7bf8ec2')

const SEV_KINDS: ReadonlyMap<number, SevSection['kind']> = new Map([
  [1, 'memory'],
  [2, 'secrets'],
  [3, 'cpuid'],
  [4, 'caa'],
  [0x10, 'kernel-hashes'],
])
const TDX_EXTENDED = 1
const TDX_ACCEPTED_BY_GUEST = 2

/**
 * Reads what firmware tells the machine's monitor about its own launch: the table of GUIDs at its end, and the
 * sections of memory that SEV-SNP and TDX want prepared.
 * @throws LaunchError `bad_firmware`
 * @see edk2 OvmfPkg/ResetVector/Ia16/ResetVectorVtf0.asm, X64/OvmfSevMetadata.asm, X64/IntelTdxMetadata.asm
 */
export function parseFirmware(bytes: Bytes): Firmware {
  if (bytes.length === 0 || bytes.length % PAGE !== 0 || bytes.length > MAX_FIRMWARE_BYTES) {
    throw new LaunchError('bad_firmware', `firmware of ${bytes.length} bytes is not whole pages`)
  }
  return parsingFile('bad_firmware', 'the firmware', () => {
    const table = readTable(bytes)
    return {
      bytes,
      gpa: FOUR_GIB - bytes.length,
      sev: readSevLayout(bytes, table),
      tdx: readTdxSections(bytes, table),
    }
  })
}

function key(guid: string): string {
  return hex(guidBytes(guid))
}

/** Entries lie before their headers and are read backwards from the footer. */
function readTable(bytes: Bytes): ReadonlyMap<string, Bytes> {
  const entries = new Map<string, Bytes>()
  const footer = entryBefore(bytes, bytes.length - RESET_VECTOR_BYTES)
  if (footer.guid !== FOOTER) return entries
  let end = bytes.length - RESET_VECTOR_BYTES - ENTRY_BYTES
  const start = end - (footer.size - ENTRY_BYTES)
  if (start < 0) throw new RangeError('the table is longer than the firmware')
  while (end - start >= ENTRY_BYTES) {
    const { guid, size } = entryBefore(bytes, end)
    if (size < ENTRY_BYTES || size > end - start) throw new RangeError('an entry has a wrong size')
    if (!entries.has(guid)) entries.set(guid, bytes.slice(end - size, end - ENTRY_BYTES))
    end -= size
  }
  return entries
}

function entryBefore(bytes: Bytes, end: number): { readonly guid: string; readonly size: number } {
  if (end < ENTRY_BYTES) throw new RangeError('no room for an entry')
  const reader = new ByteReader(bytes.subarray(end - ENTRY_BYTES, end))
  const size = reader.u16le()
  return { size, guid: hex(reader.take(16)) }
}

function readSevLayout(bytes: Bytes, table: ReadonlyMap<string, Bytes>): SevLayout | undefined {
  const metadata = table.get(SEV_METADATA)
  const reset = table.get(SEV_RESET)
  if (metadata === undefined || reset === undefined) return undefined
  const reader = metadataAt(bytes, metadata, 'ASEV')
  const sections = Array.from({ length: countOf(reader) }, () => {
    const gpa = reader.u32le()
    const size = reader.u32le()
    const kind = SEV_KINDS.get(reader.u32le())
    if (kind === undefined) throw new RangeError('an unknown kind of SEV section')
    demandPages(gpa, size)
    return { gpa, size, kind }
  })
  const hashes = table.get(SEV_HASHES)
  const hashTable = hashes === undefined ? 0 : new ByteReader(hashes).u32le()
  return {
    resetAddress: new ByteReader(reset).u32le(),
    hashTable: hashTable === 0 ? undefined : hashTable,
    sections,
  }
}

function readTdxSections(
  bytes: Bytes,
  table: ReadonlyMap<string, Bytes>,
): readonly TdxSection[] | undefined {
  const metadata = table.get(TDX_METADATA)
  if (metadata === undefined) return undefined
  const reader = metadataAt(bytes, metadata, 'TDVF')
  return Array.from({ length: countOf(reader) }, () => {
    const offset = reader.u32le()
    const length = reader.u32le()
    const gpa = Number(reader.u64le())
    const size = Number(reader.u64le())
    reader.u32le() // the section's use: the launch follows the attributes alone
    const attributes = reader.u32le()
    demandPages(gpa, size)
    if (length > size || offset + length > bytes.length) {
      throw new RangeError('a section is longer than its place')
    }
    const added = (attributes & TDX_ACCEPTED_BY_GUEST) === 0
    return { offset, length, gpa, size, added, extended: (attributes & TDX_EXTENDED) !== 0 }
  })
}

/** A reader behind signature and length of a metadata block, which an entry places from the end. */
function metadataAt(bytes: Bytes, entry: Bytes, signature: string): ByteReader {
  const fromEnd = new ByteReader(entry).u32le()
  if (fromEnd > bytes.length) throw new RangeError('metadata lies outside the firmware')
  const reader = new ByteReader(bytes.subarray(bytes.length - fromEnd))
  if (String.fromCharCode(...reader.take(4)) !== signature) throw new RangeError('no metadata')
  reader.u32le() // its length: the count says the same
  if (reader.u32le() !== 1) throw new RangeError('an unknown version of metadata')
  return reader
}

function countOf(reader: ByteReader): number {
  const count = reader.u32le()
  if (count > MAX_SECTIONS) throw new RangeError('too many sections')
  return count
}

function demandPages(gpa: number, size: number): void {
  const isWhole = Number.isSafeInteger(gpa + size) && gpa % PAGE === 0 && size % PAGE === 0
  if (!isWhole || size > MAX_FIRMWARE_BYTES) throw new RangeError('a section is not whole pages')
}
