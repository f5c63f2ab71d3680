import type { Bytes } from '#base/bytes.ts'

const HEADERS = 0x1000
const ALIGNMENT = 0x1000
const FILE_ALIGNMENT = 0x200
const PE = 0x40
const OPTIONAL = PE + 24
const OPTIONAL_BYTES = 0xa0
const EXECUTABLE_64 = 0x22
const UEFI_PROGRAM = 10

/** An x86 Linux image with an EFI stub, as far as QEMU and UEFI look: its one section is `code`, which begins at its start. */
export function makeKernel(code: Uint8Array): Bytes {
  const size = Math.ceil(code.length / FILE_ALIGNMENT) * FILE_ALIGNMENT
  const image = new Uint8Array(HEADERS + size)
  image.set(code, HEADERS)
  const view = new DataView(image.buffer)
  view.setUint16(0, 0x5a4d, true)
  view.setUint32(0x3c, PE, true)
  setupHeader(view)
  view.setUint32(PE, 0x4550, true)
  view.setUint16(PE + 4, 0x8664, true)
  view.setUint16(PE + 6, 1, true)
  view.setUint16(PE + 20, OPTIONAL_BYTES, true)
  view.setUint16(PE + 22, EXECUTABLE_64, true)
  optionalHeader(view, code.length)
  const row = OPTIONAL + OPTIONAL_BYTES
  image.set(new TextEncoder().encode('.text'), row)
  view.setUint32(row + 8, code.length, true)
  view.setUint32(row + 12, HEADERS, true)
  view.setUint32(row + 16, size, true)
  view.setUint32(row + 20, HEADERS, true)
  view.setUint32(row + 36, 0x6000_0020, true)
  return image
}

function setupHeader(view: DataView): void {
  view.setUint8(0x1f1, 7) // sectors of setup code: all headers
  view.setUint32(0x202, 0x5372_6448, true)
  view.setUint16(0x206, 0x20f, true)
  view.setUint8(0x211, 1)
  view.setUint32(0x22c, 0x7fff_ffff, true)
  view.setUint8(0x234, 1)
  view.setUint16(0x236, 0x7f, true)
  view.setUint32(0x264, 0x1000, true)
}

function optionalHeader(view: DataView, bytes: number): void {
  view.setUint16(OPTIONAL, 0x20b, true)
  view.setUint32(OPTIONAL + 16, HEADERS, true)
  view.setUint32(OPTIONAL + 32, ALIGNMENT, true)
  view.setUint32(OPTIONAL + 36, FILE_ALIGNMENT, true)
  view.setUint32(OPTIONAL + 56, HEADERS + Math.ceil(bytes / ALIGNMENT) * ALIGNMENT, true)
  view.setUint32(OPTIONAL + 60, HEADERS, true)
  view.setUint16(OPTIONAL + 68, UEFI_PROGRAM, true)
  view.setUint16(OPTIONAL + 70, 0x100, true)
  view.setUint32(OPTIONAL + 108, 6, true)
}
