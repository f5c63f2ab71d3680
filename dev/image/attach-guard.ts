import { type Bytes, concat, equalBytes, utf8 } from '#base/bytes.ts'

const GUARD_MAGIC = utf8('COCOONv1')
/** Places in the guard. @see enclave-runner/image/acpi/start.S */
const MAGIC_AT = 8
const TO_KERNEL_AT = 16

/** Setup header of Linux. @see Linux Documentation/arch/x86/boot.rst */
const MAGIC = 0x202
const MAGIC_VALUE = 0x5372_6448 // "HdrS"
const RELOCATABLE = 0x234
const LOAD_FLAGS = 0x236
const EFI_HANDOVER_64 = 1 << 3
const HANDOVER_OFFSET = 0x264
/** Two bytes that a 16-bit loader reads stand right behind the section table. */
const TABLE_END = 0x1ef

/** PE32+. @see Microsoft, PE Format */
const PE_AT = 0x3c
const PE_SIGNATURE = 0x4550
const COFF_BYTES = 24 // with the signature
const SECTION_BYTES = 40
const ENTRY = 16
const SECTION_ALIGNMENT = 32
const FILE_ALIGNMENT = 36
const IMAGE_SIZE = 56
const CHECKSUM = 64
const SECURITY_DIRECTORY = 112 + 4 * 8
const CODE_EXECUTE_READ = 0x6000_0020

/**
 * The kernel with the guard as one more section that runs before it, and no other way in: what boots it otherwise
 * than as a UEFI program would pass the guard by. A signature is taken off, since these bytes are others.
 * @throws RangeError what is no kernel for this
 */
export function attachGuard(kernel: Bytes, guard: Bytes): Bytes {
  if (!equalBytes(guard.subarray(MAGIC_AT, MAGIC_AT + GUARD_MAGIC.length), GUARD_MAGIC)) {
    throw new RangeError('this is no guard')
  }
  const { optional, sections, alignment, fileAlignment, unsigned } = readImage(kernel)
  const view = new DataView(unsigned.buffer)
  const { address, header } = placeOf(view, optional, sections)
  const at = roundUp(unsigned.length, fileAlignment)
  const padded = new Uint8Array(roundUp(guard.length, fileAlignment))
  padded.set(guard)
  const entry = view.getUint32(optional + ENTRY, true)
  new DataView(padded.buffer).setBigInt64(TO_KERNEL_AT, BigInt(entry - address), true)

  unsigned.set(sectionRow({ address, memory: guard.length, at, bytes: padded.length }), header)
  view.setUint16(optional - COFF_BYTES + 6, sections + 1, true)
  view.setUint32(optional + ENTRY, address, true)
  view.setUint32(optional + IMAGE_SIZE, roundUp(address + guard.length, alignment), true)
  view.setUint32(optional + CHECKSUM, 0, true)
  view.setUint8(RELOCATABLE, 0)
  view.setUint16(LOAD_FLAGS, view.getUint16(LOAD_FLAGS, true) & ~EFI_HANDOVER_64, true)
  view.setUint32(HANDOVER_OFFSET, 0, true)
  return concat(unsigned, new Uint8Array(at - unsigned.length), padded)
}

/** What the headers say, and a copy of the image without its signature. */
function readImage(kernel: Bytes) {
  if (kernel.length < 0x1000) throw new RangeError('the kernel is too short')
  const view = new DataView(kernel.buffer, kernel.byteOffset, kernel.byteLength)
  const pe = view.getUint32(PE_AT, true)
  if (view.getUint32(MAGIC, true) !== MAGIC_VALUE || view.getUint32(pe, true) !== PE_SIGNATURE) {
    throw new RangeError('the kernel is no x86 Linux image with an EFI stub')
  }
  const optional = pe + COFF_BYTES
  const signedAt = view.getUint32(optional + SECURITY_DIRECTORY, true)
  const signedBytes = view.getUint32(optional + SECURITY_DIRECTORY + 4, true)
  if (signedBytes > 0 && signedAt + signedBytes !== kernel.length) {
    throw new RangeError('the signature is not the last of the kernel')
  }
  const unsigned = kernel.slice(0, signedBytes > 0 ? signedAt : kernel.length)
  unsigned.fill(0, optional + SECURITY_DIRECTORY, optional + SECURITY_DIRECTORY + 8)
  return {
    optional,
    sections: view.getUint16(pe + 6, true),
    alignment: view.getUint32(optional + SECTION_ALIGNMENT, true),
    fileAlignment: view.getUint32(optional + FILE_ALIGNMENT, true),
    unsigned,
  }
}

/** Where the new section lies in memory, and its row in the table. */
function placeOf(view: DataView, optional: number, sections: number) {
  const table = optional + view.getUint16(optional - COFF_BYTES + 20, true)
  const header = table + sections * SECTION_BYTES
  if (header + SECTION_BYTES > TABLE_END) throw new RangeError('no room for one more section')
  return { address: view.getUint32(optional + IMAGE_SIZE, true), header }
}

function sectionRow(place: {
  readonly address: number
  readonly memory: number
  readonly at: number
  readonly bytes: number
}): Bytes {
  const row = new Uint8Array(SECTION_BYTES)
  row.set(utf8('.cocoon'))
  const view = new DataView(row.buffer)
  view.setUint32(8, place.memory, true)
  view.setUint32(12, place.address, true)
  view.setUint32(16, place.bytes, true)
  view.setUint32(20, place.at, true)
  view.setUint32(36, CODE_EXECUTE_READ, true)
  return row
}

function roundUp(value: number, to: number): number {
  return Math.ceil(value / to) * to
}
