import { describe, expect, test } from 'vitest'
import {
  base64,
  base64url,
  concat,
  concatAll,
  equalBytes,
  fromBase64,
  fromBase64url,
  fromHex,
  hex,
  putUint32,
  uint32At,
  utf8,
} from './bytes.ts'
import { jcs } from './jcs.ts'
import { ceilDiv, formatTon, nano, parseNano, parseTon } from './nano.ts'
import { ByteReader, ReadError } from './reader.ts'

describe('bytes', () => {
  test('text forms round-trip every byte', () => {
    const all = Uint8Array.from({ length: 256 }, (_, i) => i)
    expect(fromHex(hex(all))).toEqual(all)
    expect(fromBase64(base64(all))).toEqual(all)
    expect(fromBase64url(base64url(all))).toEqual(all)
  })

  test.each(['0', 'zz', 'AB', '0x00', ' 00'])('refuses %j as canonical hex', (text) => {
    expect(() => fromHex(text)).toThrow(RangeError)
  })

  test.each(['A', 'AB==', 'A+A', 'AB\n'])('base64url takes only the canonical form: %j', (text) => {
    expect(() => fromBase64url(text)).toThrow(RangeError)
  })

  test.each([0, 1, 63, 64, 65, 200])('text of %i characters is UTF-8, ASCII or not', (length) => {
    for (const text of ['x'.repeat(length), `${'x'.repeat(length)}é`, '\u007f'.repeat(length)]) {
      expect(utf8(text)).toEqual(new TextEncoder().encode(text))
    }
  })

  test('either case of hex is read where both are taken', () => {
    expect(fromHex('0aF9fA', { anyCase: true })).toEqual(Uint8Array.of(0x0a, 0xf9, 0xfa))
  })

  test('32 bits are written big-endian and read back', () => {
    const bytes = new Uint8Array(6)
    for (const value of [0, 1, 0x7fff_ffff, 0x8000_0000, 0xffff_ffff, 0x0102_0304]) {
      putUint32(bytes, 1, value)
      expect(new DataView(bytes.buffer).getUint32(1)).toBe(value)
      expect(uint32At(bytes, 1)).toBe(value)
    }
    putUint32(bytes, 1, 2 ** 32 + 5)
    expect(uint32At(bytes, 1)).toBe(5)
  })

  test('equality looks at length and every byte', () => {
    expect(equalBytes(utf8('abc'), utf8('abc'))).toBe(true)
    expect(equalBytes(utf8('abc'), utf8('abd'))).toBe(false)
    expect(equalBytes(utf8('abc'), utf8('ab'))).toBe(false)
    expect(concat(utf8('a'), utf8('bc'))).toEqual(utf8('abc'))
    // More parts than a call takes arguments.
    expect(concatAll(Array.from({ length: 1_000_000 }, () => utf8('x'))).length).toBe(1_000_000)
  })
})

describe('reader', () => {
  test('reads both byte orders and refuses to over-read or to leave bytes', () => {
    const reader = new ByteReader(fromHex('0102030405060708'))
    expect(reader.u16le()).toBe(0x0201)
    expect(reader.u16be()).toBe(0x0304)
    expect(() => reader.end()).toThrow(ReadError)
    expect(() => reader.take(5)).toThrow(ReadError)
    expect(() => reader.take(-1)).toThrow(ReadError)
    expect(reader.u32be()).toBe(0x05060708)
    reader.end()
  })
})

describe('nano', () => {
  test('parses and prints exactly', () => {
    expect(parseTon('1.5')).toBe(1_500_000_000n)
    expect(parseTon('0.000000001')).toBe(1n)
    expect(formatTon(nano(1_500_000_000n))).toBe('1.5')
    expect(formatTon(nano(-1n))).toBe('-0.000000001')
    expect(parseNano('123')).toBe(123n)
  })

  test.each(['', '-1', '01', '1e9', '1.0', ' 1'])('refuses %j as nanoTON', (text) => {
    expect(() => parseNano(text)).toThrow(RangeError)
  })

  test('ceilDiv rounds up once', () => {
    expect(ceilDiv(0n, 7n)).toBe(0n)
    expect(ceilDiv(1n, 7n)).toBe(1n)
    expect(ceilDiv(7n, 7n)).toBe(1n)
    expect(ceilDiv(8n, 7n)).toBe(2n)
  })
})

describe('jcs', () => {
  test('matches the RFC 8785 rules for keys, numbers and strings', () => {
    expect(jcs({ b: 1, a: [true, null, 'é\n'], c: { z: 1e21, y: 0.1 } })).toBe(
      '{"a":[true,null,"é\\n"],"b":1,"c":{"y":0.1,"z":1e+21}}',
    )
    expect(jcs({ '"': '\\', '': [], '~': {}, ' ': '\u007f\u001f' })).toBe(
      '{"":[]," ":"\u007f\\u001f","\\"":"\\\\","~":{}}',
    )
    expect(() => jcs('\ud800')).toThrow(RangeError)
    expect(() => jcs(Number.NaN)).toThrow(RangeError)
  })

  test('writes amounts as decimal strings and absent members not at all', () => {
    expect(jcs({ b: 2n ** 64n, a: undefined, c: [-1n, undefined, { d: undefined }] })).toBe(
      '{"b":"18446744073709551616","c":["-1",null,{}]}',
    )
  })
})
