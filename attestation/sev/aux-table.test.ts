import { describe, expect, test } from 'vitest'
import { type Bytes, concat, fromHex } from '#base/bytes.ts'
import { AttestationError } from '../errors.ts'
import { parseCertificateTable } from './aux-table.ts'

const VCEK = '8d75da6364e66445adc5f4b93be8accd'
const ARK = 'a406b4c003a8524997433fb6014cd0ae'
const UNKNOWN = '00'.repeat(15).padStart(32, 'f')

function entry(guid: string, offset: number, length: number): Bytes {
  const bytes = new Uint8Array(24)
  bytes.set(fromHex(guid))
  const view = new DataView(bytes.buffer)
  view.setUint32(16, offset, true)
  view.setUint32(20, length, true)
  return bytes
}

const END = new Uint8Array(24)
const BODY = Uint8Array.of(1, 2, 3, 4, 5, 6, 7, 8)

function code(table: Bytes): string | undefined {
  try {
    parseCertificateTable(table)
    return undefined
  } catch (error) {
    if (error instanceof AttestationError) return error.code
    throw error
  }
}

describe('the host’s certificate table', () => {
  test('is read by GUID, in any order, unknown ones left out; empty is legal', () => {
    const table = concat(
      entry(ARK, 100, 4),
      entry(UNKNOWN, 104, 2),
      entry(VCEK, 96, 4),
      END,
      BODY,
      BODY,
    )
    expect(parseCertificateTable(table)).toEqual({ ark: BODY.slice(4), vcek: BODY.slice(0, 4) })
    expect(parseCertificateTable(new Uint8Array())).toEqual({})
    expect(parseCertificateTable(END)).toEqual({})
  })

  test.each([
    ['no terminator', concat(entry(VCEK, 24, 0))],
    ['half a row', concat(entry(VCEK, 48, 8), END.slice(0, 10))],
    ['an offset inside the header', concat(entry(VCEK, 40, 4), END, BODY)],
    ['a length past the end', concat(entry(VCEK, 48, 9), END, BODY)],
    ['an offset past the end', concat(entry(VCEK, 57, 0), END, BODY)],
    ['a sum above 2^32', concat(entry(VCEK, 0xfffffff0, 0x40), END, BODY)],
    ['overlapping entries', concat(entry(VCEK, 72, 5), entry(ARK, 76, 4), END, BODY)],
    ['a GUID twice', concat(entry(VCEK, 72, 4), entry(VCEK, 76, 4), END, BODY)],
  ])('with %s is refused', (_title, table) => {
    expect(code(table)).toBe('parse')
  })

  test('has a size limit', () => {
    expect(code(new Uint8Array(65_537))).toBe('too-large')
    const rows = Array.from({ length: 33 }, (_, i) =>
      entry(i.toString(16).padStart(32, 'a'), 24 * 34, 0),
    )
    expect(code(concat(...rows, END))).toBe('parse')
  })
})
