import { beginCell } from '@ton/core'
import { expect } from 'vitest'
import { cellHash, toCell } from '../../cells.ts'
import { keysBits } from '../../keys-cell.ts'
import { cancelOrderBits } from '../../signed-cells.ts'
import { TILL_EXIT } from '../../till-constants.ts'
import { TILL_OP } from '../../till-messages.ts'
import { testKey, ton } from '../keys.ts'
import type { Rule } from './rule.ts'

export const CHEQUE_RULES: readonly Rule[] = [
  {
    title: 'a cheque charges a sovereign account, with neither cap nor hold; a replay does nothing',
    run: async (open) => {
      const world = await open({ dailyCap: ton('0.5') })
      const account = await world.account('s', 'sovereign')
      await world.deposit(account, ton('4.07'))
      for (const amount of ['2', '2', '1']) {
        expect((await world.cheque(account, ton(amount), { feeBps: 500 })).ok).toBe(true)
      }
      expect(await world.till.getTotals()).toMatchObject({
        pool: ton('1.9'),
        fees: ton('0.1'),
        held: 0n,
      })
      expect(await world.till.getAccount(account.id)).toMatchObject({ debit: ton('2') })
    },
  },
  {
    title: 'only the account’s own spend key signs cheques',
    run: async (open) => {
      const world = await open()
      const account = await world.account('s', 'sovereign')
      await world.deposit(account, ton('4'))
      for (const key of [world.meter, account.owner, testKey('thief')]) {
        const forged = await world.cheque(account, ton('1'), { key })
        expect(forged.exitCode).toBe(TILL_EXIT.BadSignature)
      }
    },
  },
  {
    title: 'a cheque for another Till, another account or a managed account is void',
    run: async (open) => {
      const world = await open()
      const account = await world.account('s', 'sovereign')
      const managed = await world.account('s', 'managed')
      const victim = await world.account('victim', 'sovereign')
      for (const each of [account, managed, victim]) await world.deposit(each, ton('4'))
      const elsewhere = await world.cheque(account, ton('1'), {
        till: world.host.address.toRawString(),
      })
      expect(elsewhere.exitCode).toBe(TILL_EXIT.WrongTill)
      expect((await world.cheque(managed, ton('1'))).exitCode).toBe(TILL_EXIT.NoAccount)
      // The victim's account, but the thief's keys.
      const theft = await world.cheque({ ...account, id: victim.id }, ton('1'))
      expect(theft.exitCode).toBe(TILL_EXIT.NoAccount)
    },
  },
  {
    title: 'C1: an account without a spend key takes no cheque at all',
    run: async (open) => {
      const world = await open()
      const account = await world.account('keyless', 'sovereign', { spendKey: null })
      await world.deposit(account, ton('4'))
      expect((await world.cheque(account, ton('1'))).exitCode).toBe(TILL_EXIT.BadKey)
    },
  },
  {
    title: 'M10: an exit order is no cheque even if one key signs both',
    run: async (open) => {
      const world = await open()
      const account = await world.account('s', 'sovereign')
      await world.deposit(account, ton('4'))
      const order = { till: world.address, account: account.id, nonce: 0 }
      const cell = toCell(cancelOrderBits(order))
      const forged = beginCell()
        .storeUint(TILL_OP.chargeCheque, 32)
        .storeUint(0, 64)
        .storeBuffer(Buffer.from(await account.spend.sign(cellHash(cell))))
        .storeRef(toCell(keysBits(account.keys)))
        .storeRef(cell)
        .endCell()
      expect((await world.send(forged)).ok).toBe(false)
      expect((await world.till.getAccount(account.id)).debit).toBe(0n)
    },
  },
]
