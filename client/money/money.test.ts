import { expect, test } from 'vitest'
import { fromHex } from '#base/bytes.ts'
import { nano } from '#base/nano.ts'
import {
  chequeBits,
  friendlyAddress,
  parseAccountId,
  verifyBits,
  webSha256,
  webVerify,
} from '#contracts/pure'
import { newAccountOwner } from '../account-owner.ts'
import { createChequeBook } from './cheque-book.ts'
import { accountOfKey, topUpLink } from './top-up-link.ts'

const random = (length: number) => crypto.getRandomValues(new Uint8Array(length))
const TILL = `0:${'a1'.repeat(32)}`

test('a top-up link holds our own memo, and only for a key that names an account', async () => {
  const { id } = await newAccountOwner({ mode: 'managed', random })
  expect(accountOfKey(`sk-coc-${id}-SECRET`)).toBe(id)
  expect(accountOfKey('sk-other')).toBeUndefined()
  expect(accountOfKey(`sk-coc-${'0'.repeat(31)}1-S`)).toBeUndefined()
  const link = topUpLink({ till: TILL, account: id, amount: nano(5n) })
  expect(link).toBe(`ton://transfer/${friendlyAddress(TILL)}?amount=5&text=${id}`)
})

test('a cheque is what the receipts add up to, and the Till would take it', async () => {
  const owner = await newAccountOwner({ mode: 'sovereign', random })
  const saved: bigint[] = []
  const save = async (amount: bigint) => void saved.push(amount)
  const book = createChequeBook({ owner, till: TILL, feeBps: 500, start: nano(100n), save })
  expect(await book.sign()).toBeUndefined()
  book.owe(nano(7n))
  book.owe(nano(5n))
  const cheque = await book.sign()
  if (cheque === undefined) throw new Error('no cheque')
  expect(cheque).toMatchObject({ till: TILL, account: owner.id, fee_bps: 500, cumulative: '112' })
  const account = parseAccountId(cheque.account)
  const { spendKey } = owner.keys
  if (spendKey === null || spendKey === undefined) throw new Error('no spend key')
  const signed = (cumulative: bigint) =>
    verifyBits(
      {
        cell: chequeBits({ till: TILL, account, feeBps: 500, cumulative: nano(cumulative) }),
        signature: fromHex(cheque.signature),
        publicKey: spendKey,
      },
      { sha256: webSha256, verify: webVerify },
    )
  expect(await signed(112n)).toBe(true)
  expect(await signed(113n)).toBe(false)
  await book.accepted(cheque)
  expect(saved).toEqual([112n])
  expect(await book.sign()).toBeUndefined()
})

test('a managed account signs no cheques', async () => {
  const owner = await newAccountOwner({ mode: 'managed', random })
  const options = { owner, till: TILL, feeBps: 0, start: nano(0n), save: async () => undefined }
  expect(() => createChequeBook(options)).toThrow(/sovereign/)
})
