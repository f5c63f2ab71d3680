import { type Bytes, utf8 } from '#base/bytes.ts'
import { digestOf } from '../digest.ts'
import type { Firmware, TdxSection } from './firmware.ts'
import { LaunchError } from './launch-error.ts'

const PAGE = 4096
const CHUNK = 256
/** Each operation is measured by a block of this size: its name, then the address. */
const BLOCK = 128
const ADDRESS_AT = 16
const ADD = utf8('MEM.PAGE.ADD')
const EXTEND = utf8('MR.EXTEND')

/**
 * MRTD of a trust domain that QEMU starts with this firmware: one SHA-384 over each TDH.MEM.PAGE.ADD and
 * TDH.MR.EXTEND, page by page, as Linux since 6.16 makes them. (Earlier patch sets added all pages of a section
 * before they measured any, which gives another value.)
 * @throws LaunchError `unsupported`
 * @see Intel TDX module ABI specification, TDH.MEM.PAGE.ADD and TDH.MR.EXTEND; TDVF design guide section 11
 */
export async function tdxMrtd(firmware: Firmware): Promise<Bytes> {
  const { tdx, bytes } = firmware
  if (tdx === undefined) throw new LaunchError('unsupported', 'this firmware has no TDX sections')
  const log = new Uint8Array(tdx.reduce((sum, section) => sum + lengthOf(section), 0))
  let at = 0
  for (const section of tdx) at = writeSection(log, at, section, bytes)
  return digestOf('SHA-384', log)
}

function lengthOf({ size, added, extended }: TdxSection): number {
  const perPage = (added ? BLOCK : 0) + (extended ? (PAGE / CHUNK) * (BLOCK + CHUNK) : 0)
  return (size / PAGE) * perPage
}

function writeSection(log: Bytes, start: number, section: TdxSection, firmware: Bytes): number {
  // What the file does not fill is zero.
  const contents = new Uint8Array(section.size)
  contents.set(firmware.subarray(section.offset, section.offset + section.length))
  let at = start
  for (let page = 0; page < section.size; page += PAGE) {
    if (section.added) at = writeBlock(log, at, ADD, section.gpa + page)
    for (let chunk = page; section.extended && chunk < page + PAGE; chunk += CHUNK) {
      at = writeBlock(log, at, EXTEND, section.gpa + chunk)
      log.set(contents.subarray(chunk, chunk + CHUNK), at)
      at += CHUNK
    }
  }
  return at
}

function writeBlock(log: Bytes, at: number, name: Bytes, gpa: number): number {
  log.set(name, at)
  new DataView(log.buffer).setBigUint64(at + ADDRESS_AT, BigInt(gpa), true)
  return at + BLOCK
}
