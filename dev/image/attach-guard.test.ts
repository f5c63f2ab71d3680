import { describe, expect, test } from 'vitest'
import { utf8 } from '#base/bytes.ts'
import { attachGuard } from './attach-guard.ts'
import { makeKernel } from './testing/make-kernel.ts'

const PE = 0x40
const OPTIONAL = PE + 24

function guard(): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(0x300).fill(0x90)
  bytes.set(utf8('COCOONv1'), 8)
  return bytes
}

describe('a guarded kernel', () => {
  const kernel = makeKernel(new Uint8Array(0x1234).fill(0xcc))
  const guarded = attachGuard(kernel, guard())
  const view = new DataView(guarded.buffer)

  test('begins at the guard, which knows the way to the kernel’s own entry', () => {
    const entry = view.getUint32(OPTIONAL + 16, true)
    expect(entry).toBe(0x3000)
    expect(view.getUint32(OPTIONAL + 56, true)).toBe(0x4000)
    const row = OPTIONAL + 0xa0 + 40
    expect(view.getUint16(PE + 6, true)).toBe(2)
    expect(view.getUint32(row + 12, true)).toBe(entry)
    const at = view.getUint32(row + 20, true)
    expect(entry + Number(view.getBigInt64(at + 16, true))).toBe(0x1000)
    expect(guarded.subarray(at, at + 16)).toEqual(guard().subarray(0, 16))
  })

  test('has no second way in: neither the EFI handover nor the boot of a BIOS (H22)', () => {
    expect(view.getUint32(0x264, true)).toBe(0)
    expect(view.getUint16(0x236, true) & 8).toBe(0)
    expect(view.getUint8(0x234)).toBe(0)
  })

  test('keeps every byte of the kernel behind the headers, without a signature that is no longer true', () => {
    expect(guarded.subarray(0x1000, kernel.length)).toEqual(kernel.subarray(0x1000))
    const signed = new Uint8Array(kernel.length + 8)
    signed.set(kernel)
    const signedView = new DataView(signed.buffer)
    signedView.setUint32(OPTIONAL + 112 + 32, kernel.length, true)
    signedView.setUint32(OPTIONAL + 112 + 36, 8, true)
    expect(attachGuard(signed, guard())).toEqual(guarded)
  })

  test.each([
    ['a guard that is none', kernel, new Uint8Array(0x300)],
    ['a kernel without an EFI stub', new Uint8Array(0x2000), guard()],
    ['a short file', new Uint8Array(8), guard()],
  ])('%s is refused', (_, image, piece) => {
    expect(() => attachGuard(image, piece)).toThrow(RangeError)
  })

  test('a section table without room is refused', () => {
    const full = makeKernel(new Uint8Array(16))
    new DataView(full.buffer).setUint16(PE + 6, 6, true)
    expect(() => attachGuard(full, guard())).toThrow(/room/)
  })
})
