import { describe, expect, test } from 'vitest'
import { type Bytes, concat, fromHex, hex } from '#base/bytes.ts'
import * as write from '#dev/forge/der.ts'
import { AttestationError } from '../errors.ts'
import { commonName, nameAttributes } from './names.ts'
import { DerReader, derChildren, readDer, TAG } from './reader.ts'
import {
  boolean,
  enumerated,
  namedBits,
  oid,
  smallInteger,
  text,
  time,
  unsignedBytes,
  wholeBits,
} from './values.ts'

const node = (bytes: Bytes) => readDer(bytes)
const refused = (read: () => unknown): void => {
  expect(read).toThrow(AttestationError)
}

describe('the DER reader', () => {
  test('reads nested values as views on the input', () => {
    const bytes = write.seq(write.int(5), write.octets(fromHex('0102')), write.seq())
    const [number, string, empty, ...rest] = derChildren(readDer(bytes, TAG.sequence))
    expect([number?.content[0], string?.content, empty?.content.length, rest]).toEqual([
      5,
      fromHex('0102'),
      0,
      [],
    ])
    expect(number?.raw.buffer).toBe(bytes.buffer)
    const long = write.octets(new Uint8Array(70_000))
    expect(readDer(long).content).toHaveLength(70_000)
  })

  test.each([
    ['nothing', ''],
    ['a tag alone', '30'],
    ['a cut body', '300201'],
    ['trailing bytes', '050000'],
    ['the indefinite form', '30800000'],
    ['a long length that fits one octet', '04810101'],
    ['a length with a leading zero', `0482007f${'00'.repeat(127)}`],
    ['a length of five octets', '040500000000ff'.replace('0405', '0485')],
    ['a length beyond the input', '0484ffffffff'],
    ['a tag number above 30', '1f0100'],
  ])('refuses %s', (_title, bytes) => {
    refused(() => readDer(fromHex(bytes)))
  })

  test('refuses another tag, and leftovers', () => {
    const reader = new DerReader(concat(write.int(1), write.bool(true)))
    refused(() => reader.next(TAG.sequence))
    expect(reader.optional(TAG.sequence)).toBeUndefined()
    reader.next(TAG.integer)
    refused(() => reader.end())
  })
})

describe('DER values have one form each', () => {
  test('INTEGER', () => {
    expect(hex(unsignedBytes(node(write.int(128))))).toBe('80')
    expect(smallInteger(node(write.int(255)), 255)).toBe(255)
    for (const bad of ['0200', '02020001', '0202ff80', '020180', '0101ff']) {
      refused(() => unsignedBytes(node(fromHex(bad))))
    }
    refused(() => smallInteger(node(write.int(256)), 255))
    expect(enumerated(node(write.enumeration(2)), 2)).toBe(2)
  })

  test('BOOLEAN', () => {
    expect(boolean(node(fromHex('0101ff')))).toBe(true)
    for (const bad of ['010101', '0100', '01020000']) refused(() => boolean(node(fromHex(bad))))
  })

  test('BIT STRING', () => {
    expect(hex(wholeBits(node(write.bits(fromHex('abcd')))))).toBe('abcd')
    expect(namedBits(node(fromHex('03020106')))).toBe((1 << 5) | (1 << 6))
    for (const bad of ['0300', '03020801', '03020101', '030101']) {
      refused(() => namedBits(node(fromHex(bad))))
    }
    refused(() => wholeBits(node(fromHex('03020106'))))
  })

  test('OBJECT IDENTIFIER', () => {
    for (const id of [
      '1.2.840.10045.4.3.3',
      '2.5.29.19',
      '0.9',
      '2.999.3',
      '1.3.6.1.4.1.3704.1.3.8',
    ]) {
      expect(oid(node(write.oid(id)))).toBe(id)
    }
    for (const bad of [
      '0600',
      '060180',
      '0603550480',
      '060380 8001'.replace(' ', ''),
      `0641${'01'.repeat(65)}`,
    ]) {
      refused(() => oid(node(fromHex(bad))))
    }
  })

  test('text is ASCII or UTF-8 by its tag', () => {
    expect(text(node(write.utf8String('é')))).toBe('é')
    expect(text(node(write.ia5('Genoa-B1')))).toBe('Genoa-B1')
    refused(() => text(node(fromHex('1601e9'))))
    refused(() => text(node(fromHex('0c01ff'))))
    refused(() => text(node(write.int(1))))
  })

  test('time: two-digit years turn at 50, the year 9999 is legal', () => {
    const at = (bytes: Bytes): string => new Date(time(node(bytes)) * 1000).toISOString()
    const utc = (digits: string): Bytes => write.der(0x17, new TextEncoder().encode(digits))
    const full = (digits: string): Bytes => write.der(0x18, new TextEncoder().encode(digits))
    expect(at(utc('491231235959Z'))).toBe('2049-12-31T23:59:59.000Z')
    expect(at(utc('700101000000Z'))).toBe('1970-01-01T00:00:00.000Z')
    expect(at(full('99991231235959Z'))).toBe('9999-12-31T23:59:59.000Z')
    expect(at(full('20240229000000Z'))).toBe('2024-02-29T00:00:00.000Z')
    for (const bad of [
      '500101000000Z',
      '250230000000Z',
      '251301000000Z',
      '250101240000Z',
      '250101006000Z',
      '2501010000Z',
      '250101000000+0000',
      '250101000060Z',
    ]) {
      refused(() => time(node(utc(bad))))
    }
    for (const bad of ['20230229000000Z', '20250101000000.5Z', '250101000000Z']) {
      refused(() => time(node(full(bad))))
    }
  })

  test('names are read in order; a set of two attributes is refused', () => {
    const name = write.name([
      ['O', 'AMD'],
      ['CN', 'x'],
    ])
    expect(nameAttributes(name)).toEqual([
      ['O', 'AMD'],
      ['CN', 'x'],
    ])
    expect(commonName(name)).toBe('x')
    expect(
      commonName(
        write.name([
          ['CN', 'x'],
          ['CN', 'y'],
        ]),
      ),
    ).toBeUndefined()
    const pair = write.seq(write.oid('2.5.4.3'), write.utf8String('x'))
    refused(() => nameAttributes(write.seq(write.set(pair, pair))))
  })
})
