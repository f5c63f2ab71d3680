import { Address, beginCell } from '@ton/core'
import { describe, expect, test } from 'vitest'
import { fromHex } from '#base/bytes.ts'
import { accountMode, accountNumber } from './account-id.ts'
import { bitCellHash, webSha256 } from './bit-cell.ts'
import { cellHash, toCell } from './cells.ts'
import {
  type AccountKeys,
  accountIdOf,
  accountKeysFromJson,
  accountKeysToJson,
  keysBits,
} from './keys-cell.ts'
import { isSmallOrder } from './small-order.ts'
import { sha256, testKey } from './testing/keys.ts'

const owner = `0:${'ab'.repeat(32)}`
const ownerKey = testKey('owner').publicKey
const spendKey = testKey('spend').publicKey
const salt = new Uint8Array(16).fill(9)

const VARIANTS: readonly AccountKeys[] = [
  { owner, ownerKey, spendKey, salt },
  { owner, ownerKey: null, spendKey: null, salt },
  { owner: null, ownerKey, spendKey: null, salt },
  { owner: null, ownerKey, spendKey, salt },
]

/** The same cell, built with @ton/core. */
function reference(keys: AccountKeys) {
  const builder = beginCell().storeAddress(
    keys.owner === null ? null : Address.parseRaw(keys.owner),
  )
  for (const key of [keys.ownerKey, keys.spendKey]) {
    builder.storeBit(key !== null)
    if (key !== null) builder.storeBuffer(Buffer.from(key))
  }
  return builder.storeBuffer(Buffer.from(keys.salt)).endCell()
}

describe('keys cell', () => {
  test('its hash by hand is its hash by @ton/core, for every combination of keys', async () => {
    for (const keys of VARIANTS) {
      const cell = reference(keys)
      expect(await bitCellHash(keysBits(keys), sha256)).toEqual(cellHash(cell))
      expect(await bitCellHash(keysBits(keys), webSha256)).toEqual(cellHash(cell))
      expect(toCell(keysBits(keys)).equals(cell)).toBe(true)
    }
  })

  test('the account number is the mode and the first 151 bits of that hash', async () => {
    const keys = { owner, ownerKey, spendKey, salt }
    const prefix = BigInt(`0x${reference(keys).hash().toString('hex')}`) >> 105n
    const managed = await accountIdOf(keys, 'managed', sha256)
    const sovereign = await accountIdOf(keys, 'sovereign', sha256)
    expect(accountNumber(managed)).toBe(prefix)
    expect(accountNumber(sovereign)).toBe((1n << 151n) | prefix)
    expect([accountMode(managed), accountMode(sovereign)]).toEqual(['managed', 'sovereign'])
  })

  test('C2: the owner’s randomness is part of it, and not optional', async () => {
    const keys = { owner, ownerKey, spendKey, salt }
    const other = { ...keys, salt: new Uint8Array(16).fill(8) }
    expect(await accountIdOf(other, 'managed', sha256)).not.toBe(
      await accountIdOf(keys, 'managed', sha256),
    )
    expect(() => keysBits({ ...keys, salt: new Uint8Array(8) })).toThrow(
      expect.objectContaining({ code: 'bad_keys' }),
    )
  })

  test('JSON round-trips and keeps absent keys absent', () => {
    for (const keys of VARIANTS) expect(accountKeysFromJson(accountKeysToJson(keys))).toEqual(keys)
  })

  test.each([
    ['upper-case hex', { salt: 'AB'.repeat(16), owner }, 'bad_keys'],
    ['a short key', { salt: 'ab'.repeat(16), owner_key: 'ab' }, 'bad_keys'],
    ['nobody who could withdraw', { salt: 'ab'.repeat(16) }, 'bad_keys'],
    ['a zero key', { salt: 'ab'.repeat(16), owner_key: '00'.repeat(32) }, 'small_order_key'],
  ])('refuses %s', (_, json, code) => {
    expect(() => accountKeysFromJson(json)).toThrow(expect.objectContaining({ code }))
  })

  test('refuses an owner that is not a raw basechain address', () => {
    for (const bad of [
      `-1:${'ab'.repeat(32)}`,
      `0:${'AB'.repeat(32)}`,
      'EQ',
      `0:${'ab'.repeat(31)}`,
    ]) {
      expect(() => keysBits({ owner: bad, ownerKey, spendKey, salt })).toThrow(
        expect.objectContaining({ code: 'bad_address' }),
      )
    }
  })
})

describe('C1: points of small order', () => {
  const ENCODINGS = [
    '0000000000000000000000000000000000000000000000000000000000000000',
    '0000000000000000000000000000000000000000000000000000000000000080',
    '0100000000000000000000000000000000000000000000000000000000000000',
    '0100000000000000000000000000000000000000000000000000000000000080',
    'ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f',
    'ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff',
    'edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f',
    'eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff',
    '26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05',
    '26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc85',
    'c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a',
    'c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac03fa',
  ]

  test.each(ENCODINGS)('refuses %s as owner key and as spend key', (text) => {
    const bad = fromHex(text)
    expect(isSmallOrder(bad)).toBe(true)
    for (const keys of [
      { owner, ownerKey: bad, spendKey, salt },
      { owner, ownerKey, spendKey: bad, salt },
    ]) {
      expect(() => keysBits(keys)).toThrow(expect.objectContaining({ code: 'small_order_key' }))
    }
  })

  test('takes real keys', () => {
    for (let i = 0; i < 50; i++) expect(isSmallOrder(testKey(`key ${i}`).publicKey)).toBe(false)
  })
})
