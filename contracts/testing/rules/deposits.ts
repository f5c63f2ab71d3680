import { Address, beginCell, type Cell } from '@ton/core'
import { expect } from 'vitest'
import { formatMemo } from '../../account-id.ts'
import { DEPOSIT_FEE, MAX_ACCOUNTS, OPENING_FEE, TILL_EXIT } from '../../till-constants.ts'
import { depositBody, memoBody, plainBody } from '../../till-messages.ts'
import { ton } from '../keys.ts'
import { accountKey, deepen, forkingKeys, leaf, readStore, writeStore } from '../till-store.ts'
import type { TillWorld } from '../till-world.ts'
import type { Rule } from './rule.ts'

const ENCRYPTED_COMMENT = 0x2167da4b
const JETTON_NOTIFICATION = 0x7362d09c

/** Bodies that are no deposit; each is sent once by a wallet and once by an exchange. */
async function notDeposits(world: TillWorld): Promise<readonly (readonly [string, Cell])[]> {
  const account = await world.account('a')
  const wrong = `${account.id.slice(0, 31)}${account.id[31] === '0' ? '1' : '0'}`
  const text = (value: string) => beginCell().storeUint(0, 32).storeStringTail(value).endCell()
  return [
    ['a wrong check', text(wrong)],
    ['no memo', text('hello')],
    ['an empty comment', text('')],
    ['no body', beginCell().endCell()],
    ['eight bits', beginCell().storeUint(7, 8).endCell()],
    [
      'a memo split over cells',
      beginCell().storeUint(0, 32).storeStringRefTail(account.id).endCell(),
    ],
    [
      'a memo and a cell',
      beginCell().storeSlice(memoBody(account.id).asSlice()).storeRef(text('')).endCell(),
    ],
    [
      'bits that are no bytes',
      beginCell()
        .storeUint(0, 32 + 13)
        .endCell(),
    ],
    ['a long text', text(`${account.id}${' '.repeat(60)}`)],
    [
      'an encrypted comment',
      beginCell().storeUint(ENCRYPTED_COMMENT, 32).storeUint(1, 256).endCell(),
    ],
    [
      'a jetton notification (M13)',
      beginCell()
        .storeUint(JETTON_NOTIFICATION, 32)
        .storeUint(0, 64)
        .storeCoins(ton('1000'))
        .storeAddress(new Address(0, Buffer.alloc(32, 5)))
        .storeBit(false)
        .storeSlice(memoBody(account.id).asSlice())
        .endCell(),
    ],
  ]
}

export const DEPOSIT_RULES: readonly Rule[] = [
  {
    title: 'a transfer with the memo as comment credits the account: any case, grouped or not',
    run: async (open) => {
      const world = await open()
      const account = await world.account('a')
      const spellings = [account.id, formatMemo(account.id), ` ${account.id.toLowerCase()}`]
      let credit = -OPENING_FEE
      for (const text of spellings) {
        expect(await world.comment(text, { value: ton('2') })).toMatchObject({ ok: true })
        credit += ton('2') - DEPOSIT_FEE
        expect((await world.till.getAccount(account.id)).credit).toBe(credit)
      }
      expect(await world.till.getStatus()).toMatchObject({ accounts: 1 })
      expect((await world.till.getTotals()).owed).toBe(credit)
    },
  },
  {
    title: 'a binary deposit credits the same, also to a sovereign account',
    run: async (open) => {
      const world = await open()
      const account = await world.account('a', 'sovereign')
      await world.depositBinary(account, ton('1'))
      await world.deposit(account, ton('1'))
      const credit = ton('2') - 2n * DEPOSIT_FEE - OPENING_FEE
      expect(await world.till.getAccount(account.id)).toEqual({
        credit,
        debit: 0n,
        paidOut: 0n,
        available: credit,
        capLeft: 0n,
        nonce: 0,
        exitAt: 0,
      })
    },
  },
  {
    title: 'what a wallet sends without a valid memo goes back to it',
    run: async (open) => {
      const world = await open()
      for (const [name, body] of await notDeposits(world)) {
        const outcome = await world.send(body, { via: world.user, value: ton('1') })
        expect([name, outcome.ok, outcome.bounced]).toEqual([name, false, true])
        const expected = name.includes('encrypted') || name.includes('jetton')
        expect(outcome.exitCode).toBe(expected ? TILL_EXIT.BadOp : TILL_EXIT.BadMemo)
      }
      expect(await world.till.getTotals()).toMatchObject({ owed: 0n, orphans: 0n })
    },
  },
  {
    title: 'what an exchange sends without a valid memo is kept as an orphan, less the fee',
    run: async (open) => {
      const world = await open()
      let orphans = 0n
      for (const [name, body] of await notDeposits(world)) {
        const outcome = await world.send(body, { via: world.user, value: ton('1'), bounce: false })
        orphans += ton('1') - DEPOSIT_FEE
        expect([name, outcome.ok]).toEqual([name, true])
        expect([name, (await world.till.getTotals()).orphans]).toEqual([name, orphans])
      }
      expect(await world.till.getTotals()).toMatchObject({ owed: 0n })
    },
  },
  {
    title: 'dust opens no account: back to a wallet, an orphan from an exchange',
    run: async (open) => {
      const world = await open()
      const account = await world.account('a')
      const dust = ton('0.099999999')
      const back = await world.deposit(account, dust)
      expect(back).toMatchObject({ exitCode: TILL_EXIT.TooSmall, bounced: true })
      const kept = await world.comment(account.id, { value: dust, bounce: false })
      expect(kept.ok).toBe(true)
      expect((await world.till.getTotals()).orphans).toBe(dust - DEPOSIT_FEE)
      expect(await world.till.getStatus()).toMatchObject({ accounts: 0 })
      // Less than the fee leaves nothing to refund, and nothing negative.
      await world.comment(account.id, { value: ton('0.015'), bounce: false })
      expect((await world.till.getTotals()).orphans).toBe(dust - DEPOSIT_FEE)
    },
  },
  {
    title: 'the smallest deposit opens an account',
    run: async (open) => {
      const world = await open()
      const account = await world.account('a')
      expect((await world.deposit(account, ton('0.1'))).ok).toBe(true)
      expect((await world.till.getAccount(account.id)).credit).toBe(ton('0.03'))
    },
  },
  {
    title: 'no deposit is taken while the reserve for storage is short',
    run: async (open) => {
      const world = await open({}, { reserve: ton('0.4') })
      const account = await world.account('a')
      const refused = await world.deposit(account, ton('1'))
      expect(refused).toMatchObject({ exitCode: TILL_EXIT.NoReserve, bounced: true })
      await world.send(plainBody('topUp'), { value: ton('0.2') })
      expect((await world.deposit(account, ton('1'))).ok).toBe(true)
    },
  },
  {
    title: 'money that belongs to somebody does not count as reserve',
    run: async (open) => {
      const world = await open({}, { reserve: ton('0.4') })
      const account = await world.account('a')
      // An exchange's money is kept as an orphan, but it is not the Till's.
      await world.comment(account.id, { value: ton('5'), bounce: false })
      expect((await world.till.getTotals()).orphans).toBe(ton('5') - DEPOSIT_FEE)
      expect((await world.deposit(account, ton('1'))).exitCode).toBe(TILL_EXIT.NoReserve)
    },
  },
  {
    title: 'H3: past the limit no new account is opened, and the others go on',
    run: async (open) => {
      const world = await open()
      const [old, fresh] = [await world.account('old'), await world.account('fresh')]
      await world.deposit(old, ton('1'))
      const store = await readStore(world)
      await writeStore(world, { ...store, accountCount: MAX_ACCOUNTS })
      const back = await world.deposit(fresh, ton('1'))
      expect(back).toMatchObject({ exitCode: TILL_EXIT.AccountsFull, bounced: true })
      const kept = await world.send(depositBody(fresh.id), { value: ton('1'), bounce: false })
      expect(kept.ok).toBe(true)
      expect((await world.till.getTotals()).orphans).toBe(ton('1') - DEPOSIT_FEE)
      expect((await world.deposit(old, ton('1'))).ok).toBe(true)
      expect((await world.till.getAccount(fresh.id)).credit).toBe(0n)
      expect(await world.till.getStatus()).toMatchObject({ accounts: MAX_ACCOUNTS })
    },
  },
  {
    title: 'H2: a deposit pays its own gas however deep an attacker made its path',
    run: async (open) => {
      for (const depth of [0, 8, 24, 48, 64, 128]) {
        const world = await open()
        const account = await world.account('a')
        await deepen(world, { accounts: [account.id] }, depth)
        for (const opening of [OPENING_FEE, 0n]) {
          const before = (await world.till.getAccount(account.id)).credit
          const { gas, ok } = await world.deposit(account, ton('1'))
          const fee = before + ton('1') - (await world.till.getAccount(account.id)).credit - opening
          expect([depth, ok]).toEqual([depth, true])
          expect(fee).toBeGreaterThanOrEqual(DEPOSIT_FEE)
          expect(fee).toBeGreaterThanOrEqual(BigInt(gas) * 400n)
        }
      }
    },
  },
  {
    title: 'H2: nobody chooses where an account lies in the dictionary',
    run: async (open) => {
      const world = await open()
      const account = await world.account('a')
      await world.deposit(account, ton('1'))
      const { accounts } = await readStore(world)
      expect(accounts.keys()).toEqual([accountKey(account.id)])
    },
  },
  {
    title: 'a deposit whose fee would eat it is refused',
    run: async (open) => {
      const world = await open()
      const account = await world.account('a')
      const store = await readStore(world)
      for (const key of forkingKeys(accountKey(account.id), 250)) store.accounts.set(key, leaf(0n))
      await writeStore(world, store)
      // Its gas alone costs more than what 0.1 TON leaves after the opening fee.
      const { exitCode } = await world.deposit(account, ton('0.1'))
      expect(exitCode).toBe(TILL_EXIT.TooSmall)
    },
  },
  {
    title: 'top-ups and returned excesses are nobody’s credit',
    run: async (open) => {
      const world = await open()
      const before = await world.till.getTotals()
      await world.send(plainBody('topUp'), { value: ton('1') })
      const excesses = beginCell().storeUint(0xd53276db, 32).storeUint(0, 64).endCell()
      await world.send(excesses, { value: ton('1') })
      const after = await world.till.getTotals()
      expect(after.surplus - before.surplus).toBeGreaterThan(ton('1.99'))
      expect({ ...after, surplus: 0n }).toEqual({ ...before, surplus: 0n })
    },
  },
]
