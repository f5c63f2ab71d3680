import { randomBytes } from 'node:crypto'
import { expect, test } from 'vitest'
import { unixSeconds } from '#base/brand.ts'
import { MAX_COLUMN_NANO, nano, ZERO_NANO } from '#base/nano.ts'
import {
  accountIdFromNumber,
  chargeBatchCell,
  chargeBodyOf,
  chequeBody,
  MAX_BATCH,
  TILL_VALUE,
} from '#contracts'
import { tonAddress } from '../db/ids.ts'
import { MAX_ROWS } from './cashier-view.ts'
import type { Chain } from './chain.ts'
import { MAX_MESSAGES, openGasWallet } from './gas-wallet.ts'
import { testKey } from './testing/money-world.ts'

/** What a node takes of an external message. @see config parameter 43, `max_ext_msg_size` */
const MAX_EXTERNAL_BYTES = 65_535

const bytes = (length: number) => new Uint8Array(randomBytes(length))
const account = (mode: bigint) =>
  accountIdFromNumber((mode << 151n) | (BigInt(`0x${randomBytes(19).toString('hex')}`) >> 1n))

test('the largest round of the cashier fits into one external message, which nodes refuse when it is longer', async () => {
  const till = tonAddress(`0:${randomBytes(32).toString('hex')}`)
  const cumulative = MAX_COLUMN_NANO
  const charges = Array.from({ length: Math.ceil(MAX_ROWS / MAX_BATCH) }, () => {
    const items = new Map(Array.from({ length: MAX_BATCH }, () => [account(0n), cumulative]))
    return chargeBodyOf(chargeBatchCell({ till, feeBps: 1_000, items }), bytes(64))
  })
  const cheques = Array.from({ length: MAX_MESSAGES - charges.length }, () => {
    const keys = { owner: till, ownerKey: bytes(32), spendKey: bytes(32), salt: bytes(16) }
    return chequeBody({ till, account: account(1n), feeBps: 1_000, cumulative }, keys, bytes(64))
  })
  let sent = 0
  const head = { last: null, balance: ZERO_NANO, active: false, seqno: 1, syncedAt: unixSeconds(1) }
  const chain: Chain = {
    head: async () => head,
    transactions: async () => [],
    runGet: async () => {
      throw new Error('it is not deployed')
    },
    send: async (boc) => {
      sent = Buffer.from(boc, 'base64').length
    },
  }
  const secretKey = new Uint8Array(testKey('gas').secretKey)
  const value = nano(TILL_VALUE.charge(MAX_BATCH))
  const messages = [...charges, ...cheques].map((body) => ({ to: till, value, body }))
  await openGasWallet({ chain, secretKey, networkId: -239 }).send(messages)
  expect(sent).toBeGreaterThan(50_000)
  expect(sent).toBeLessThan(MAX_EXTERNAL_BYTES)
})
