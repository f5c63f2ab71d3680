import { type Bytes, utf8 } from '#base/bytes.ts'
import type { DirectBoot } from '../sev-kernel-hashes.ts'
import { makeFirmware } from './make-firmware.ts'

/** Every kind of section, and a table of hashes that does not begin its page. */
export function madeFirmware(): Bytes {
  return makeFirmware({
    bytes: 128 * 1024,
    sev: {
      resetAddress: 0x80b004,
      hashTable: 0x810c00,
      sections: [
        [0x800000, 0x9000, 1],
        [0x80a000, 0x3000, 1],
        [0x80d000, 0x1000, 2],
        [0x80e000, 0x1000, 3],
        [0x80f000, 0x1000, 4],
        [0x810000, 0x1000, 0x10],
      ],
    },
    tdx: [
      { offset: 0x4000, length: 0x1a000, gpa: 0xfffe_6000, size: 0x1a000, kind: 0, attributes: 1 },
      { offset: 0, length: 0x4000, gpa: 0xfffe_0000, size: 0x4000, kind: 1, attributes: 0 },
      { offset: 0, length: 0, gpa: 0x80_9000, size: 0x2000, kind: 2, attributes: 0 },
      { offset: 0, length: 0, gpa: 0x81_0000, size: 0x1_0000, kind: 4, attributes: 2 },
    ],
  })
}

export const MADE_BOOT: DirectBoot = {
  kernel: utf8('a kernel, to the table of hashes any bytes are'),
  initrd: utf8('an initrd'),
  commandLine: 'console=ttyS0 roothash=00 panic=-1',
}

/** A PE32+ image that is an x86 Linux kernel too, with one section and bytes behind it. */
export function madeKernel(): Bytes {
  const image = new Uint8Array(0x3000).map((_, i) => (i * 13 + 5) & 0xff)
  const view = new DataView(image.buffer)
  image.fill(0, 0, 0x400)
  view.setUint32(0x202, 0x53726448, true)
  view.setUint16(0x206, 0x20f, true)
  view.setUint8(0x211, 1)
  view.setUint16(0x236, 0x7f, true)
  view.setUint32(0x3c, 0x40, true)
  view.setUint32(0x40, 0x4550, true)
  view.setUint16(0x46, 1, true) // sections
  view.setUint16(0x54, 0xa0, true) // optional header
  view.setUint16(0x58, 0x20b, true)
  view.setUint32(0x58 + 60, 0x400, true) // headers
  view.setUint32(0x58 + 0xa0 + 16, 0x2000, true)
  view.setUint32(0x58 + 0xa0 + 20, 0x400, true)
  return image
}
