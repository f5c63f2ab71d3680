import { Address, beginCell } from '@ton/core'
import { describe, expect, test } from 'vitest'
import { hex } from '#base/bytes.ts'
import { nano } from '#base/nano.ts'
import { accountIdFromNumber, accountNumber } from './account-id.ts'
import { BitWriter, bitCellHash, webSha256 } from './bit-cell.ts'
import { cellHash } from './cells.ts'
import { chargeBatchCell, readChargeBatch } from './charge-batch.ts'
import {
  cancelOrderBits,
  chequeBits,
  exitOrderBits,
  fastOrderBits,
  orphanOrderBits,
  signBits,
  voucherBits,
  webVerify,
} from './signed-cells.ts'
import { sha256, testKey, ton } from './testing/keys.ts'
import { verifyBits } from './verify-bits.ts'
import { verifyVoucher } from './verify-voucher.ts'

const till = `0:${'a1'.repeat(32)}`
const payee = `0:${'b2'.repeat(32)}`
const account = accountIdFromNumber((1n << 151n) | 0xabcdefn)
const id = accountNumber(account)

const address = (raw: string) => Address.parseRaw(raw)
const head = (tag: number) => beginCell().storeUint(tag, 32).storeAddress(address(till))

describe('what people sign is, bit for bit, what @ton/core would build', () => {
  const AMOUNTS = [0n, 1n, 255n, 256n, 10n ** 9n, 2n ** 63n, 2n ** 120n - 1n].map(nano)

  test.each(AMOUNTS)('with %d nanoTON', async (amount) => {
    const cases = [
      [
        voucherBits({ till, payee, cumulative: amount }),
        head(0x56434831).storeAddress(address(payee)).storeCoins(amount),
      ],
      [
        chequeBits({ till, account, feeBps: 500, cumulative: amount }),
        head(0x43484732).storeUint(id, 152).storeUint(500, 16).storeCoins(amount),
      ],
      [
        exitOrderBits({ till, account, to: payee, nonce: 7 }),
        head(0x45584954).storeUint(id, 152).storeAddress(address(payee)).storeUint(7, 32),
      ],
      [
        cancelOrderBits({ till, account, nonce: 7 }),
        head(0x45584341).storeUint(id, 152).storeUint(7, 32),
      ],
      [
        fastOrderBits({ till, account, feeBps: 1, debit: amount, nonce: 9 }),
        head(0x45584e4f).storeUint(id, 152).storeUint(1, 16).storeCoins(amount).storeUint(9, 32),
      ],
      [
        orphanOrderBits({ till, to: payee, amount, nonce: 3 }),
        head(0x4f525046).storeAddress(address(payee)).storeCoins(amount).storeUint(3, 32),
      ],
    ] as const
    for (const [bits, reference] of cases) {
      expect(await bitCellHash(bits, sha256)).toEqual(cellHash(reference.endCell()))
    }
  })

  test.each([
    ['a negative amount', () => voucherBits({ till, payee, cumulative: nano(-1n) }), 'bad_amount'],
    [
      'an amount of 2^120',
      () => voucherBits({ till, payee, cumulative: nano(2n ** 120n) }),
      'bad_amount',
    ],
    [
      'a friendly address',
      () => voucherBits({ till, payee: 'EQ', cumulative: ton('1') }),
      'bad_address',
    ],
    [
      'a masterchain address',
      () => voucherBits({ till, payee: `-1:${'b2'.repeat(32)}`, cumulative: ton('1') }),
      'bad_address',
    ],
  ])('%s is refused', (_, build, code) => {
    expect(build).toThrow(expect.objectContaining({ code }))
  })

  test('a number that does not fit its field is refused, never cut', () => {
    expect(() => new BitWriter().uint(256n, 8)).toThrow(RangeError)
    expect(() => chequeBits({ till, account, feeBps: 65_536, cumulative: ton('1') })).toThrow(
      RangeError,
    )
    expect(() => cancelOrderBits({ till, account, nonce: -1 })).toThrow(RangeError)
    expect(() => new BitWriter().bytes(new Uint8Array(128)).end()).toThrow(RangeError)
  })
})

describe('a voucher as its runner checks it', async () => {
  const meter = testKey('meter')
  const voucher = { till, payee, cumulative: ton('2') }
  const signature = await signBits(voucherBits(voucher), meter.sign, webSha256)
  const using = { sha256: webSha256, verify: webVerify }
  const signed = { cell: voucherBits(voucher), signature, publicKey: meter.publicKey }

  test('is taken when the meter key signed exactly this', async () => {
    expect(await verifyBits(signed, using)).toBe(true)
  })

  test('is refused with another amount, payee, Till, key or signature', async () => {
    const others = [
      { ...signed, cell: voucherBits({ ...voucher, cumulative: ton('3') }) },
      { ...signed, cell: voucherBits({ ...voucher, payee: till }) },
      { ...signed, cell: voucherBits({ ...voucher, till: payee }) },
      { ...signed, publicKey: testKey('other').publicKey },
      { ...signed, publicKey: meter.publicKey.slice(1) },
      { ...signed, signature: signature.slice(1) },
      { ...signed, signature: signature.map((byte, i) => (i === 9 ? byte ^ 1 : byte)) },
    ]
    for (const other of others) expect(await verifyBits(other, using)).toBe(false)
  })

  test('C1: is refused under a key of small order, whatever the verifier says', async () => {
    const zero = { ...signed, publicKey: new Uint8Array(32) }
    expect(await verifyBits(zero, { ...using, verify: () => true })).toBe(false)
  })

  test('on the wire is taken as it was signed, and anything malformed is refused', async () => {
    const wire = { till, payee, cumulative: `${ton('2')}`, signature: hex(signature) }
    const key = hex(meter.publicKey)
    expect(await verifyVoucher(wire, key)).toBe(true)
    for (const other of [
      { ...wire, cumulative: '2' },
      { ...wire, cumulative: '-1' },
      { ...wire, payee: 'EQ' },
      { ...wire, signature: 'zz' },
      { ...wire, signature: '' },
    ]) {
      expect(await verifyVoucher(other, key)).toBe(false)
    }
    expect(await verifyVoucher(wire, 'zz')).toBe(false)
  })

  test('a key that does not decode verifies nothing', async () => {
    expect(await webVerify(new Uint8Array(31), new Uint8Array(32), signature)).toBe(false)
  })
})

describe('charge batch', () => {
  const managed = (i: number) => accountIdFromNumber(BigInt(i))

  test('reads back as it was built', () => {
    const items = new Map(Array.from({ length: 20 }, (_, i) => [managed(i * 977), nano(BigInt(i))]))
    const batch = { till, feeBps: 250, items }
    const read = readChargeBatch(chargeBatchCell(batch))
    expect({ ...read, items: [...read.items].sort() }).toEqual({
      ...batch,
      items: [...items].sort(),
    })
  })

  test('takes 20 managed accounts and no other', () => {
    const many = new Map(Array.from({ length: 21 }, (_, i) => [managed(i), ton('1')]))
    expect(() => chargeBatchCell({ till, feeBps: 0, items: many })).toThrow(
      expect.objectContaining({ code: 'batch_too_large' }),
    )
    expect(() =>
      chargeBatchCell({ till, feeBps: 0, items: new Map([[account, ton('1')]]) }),
    ).toThrow(expect.objectContaining({ code: 'wrong_mode' }))
    expect(() => readChargeBatch(beginCell().storeUint(1, 64).endCell())).toThrow(RangeError)
  })
})
