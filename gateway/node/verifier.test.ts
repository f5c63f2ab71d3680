import { generateKeyPairSync, type KeyObject, sign } from 'node:crypto'
import { describe, expect, test } from 'vitest'
import { type Bytes, concat, fromHex, utf8 } from '#base/bytes.ts'
import { nodeProvider } from '#protocol/node'
import { createVerifier } from './verifier.ts'

const { verify } = createVerifier()

function rawOf(key: KeyObject): Bytes {
  return new Uint8Array(key.export({ format: 'der', type: 'spki' }).subarray(-32))
}

function signed(text: string) {
  const { publicKey, privateKey } = generateKeyPairSync('ed25519')
  const message = utf8(text)
  return {
    key: rawOf(publicKey),
    message,
    signature: new Uint8Array(sign(null, message, privateKey)),
  }
}

function flipped(bytes: Bytes, at: number): Bytes {
  const copy = bytes.slice()
  copy[at] = (copy[at] ?? 0) ^ 1
  return copy
}

/** The order of the group, little-endian. @see RFC 8032 section 5.1 */
const ORDER = 2n ** 252n + 27742317777372353535851937790883648493n

/** The same signature with its scalar written larger by the order: RFC 8032 section 5.1.7 refuses it. */
function secondSpelling(signature: Bytes): Bytes {
  let scalar = ORDER
  for (let i = 31; i >= 0; i--) scalar += BigInt(signature[32 + i] ?? 0) << BigInt(8 * i)
  const copy = signature.slice()
  for (let i = 0; i < 32; i++) copy[32 + i] = Number((scalar >> BigInt(8 * i)) & 0xffn)
  return copy
}

/** Points of order 1, 2, 4 and 8, canonical or not. @see https://eprint.iacr.org/2020/1244 table 1 */
const SMALL_ORDER = [
  '00'.repeat(32),
  `01${'00'.repeat(31)}`,
  `ec${'ff'.repeat(30)}7f`,
  `ed${'ff'.repeat(30)}7f`,
  `ee${'ff'.repeat(30)}7f`,
  '26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05',
  'c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a',
]

function withSign(key: string): string {
  const last = Number.parseInt(key.slice(62), 16) | 0x80
  return key.slice(0, 62) + last.toString(16)
}

describe('signatures of receipts', () => {
  test.each(['', 'one', 'a receipt '.repeat(200)])('that are good pass (%#)', (text) => {
    const { key, message, signature } = signed(text)
    expect(verify(key, message, signature)).toBe(true)
    expect(nodeProvider.verify(key, message, signature)).toBe(true)
  })

  test('are refused after a change of any byte, or under another key', () => {
    const { key, message, signature } = signed('a receipt')
    for (let at = 0; at < 64; at++) expect(verify(key, message, flipped(signature, at))).toBe(false)
    for (let at = 0; at < 32; at++) expect(verify(flipped(key, at), message, signature)).toBe(false)
    expect(verify(key, flipped(message, 3), signature)).toBe(false)
    expect(verify(signed('a receipt').key, message, signature)).toBe(false)
    expect(verify(key, message, signature)).toBe(true)
  })

  test('are refused at another length, as keys are', () => {
    const { key, message, signature } = signed('a receipt')
    for (const wrong of [
      new Uint8Array(0),
      signature.slice(1),
      concat(signature, Uint8Array.of(0)),
    ])
      expect(verify(key, message, wrong)).toBe(false)
    for (const wrong of [new Uint8Array(0), key.slice(1), concat(key, Uint8Array.of(0))])
      expect(verify(wrong, message, signature)).toBe(false)
  })

  test('have one spelling', () => {
    const { key, message, signature } = signed('a receipt')
    expect(verify(key, message, secondSpelling(signature))).toBe(false)
  })

  // Anybody can make a signature under such a key that verifiers without this rule accept: R the neutral element, S zero (C1).
  test.each(SMALL_ORDER.flatMap((key) => [key, withSign(key)]))(
    'are refused under the key of small order %s',
    (key) => {
      const neutral = fromHex(`01${'00'.repeat(63)}`)
      for (const message of ['', 'a', 'b', 'c', 'd', 'e', 'f', 'g'].map(utf8))
        expect(verify(fromHex(key), message, neutral)).toBe(false)
    },
  )
})
