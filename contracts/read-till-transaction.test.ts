import { Address, beginCell, type Transaction } from '@ton/core'
import { describe, expect, test } from 'vitest'
import { readTillTransaction } from './read-till-transaction.ts'
import { testKey, ton } from './testing/keys.ts'
import type { Outcome } from './testing/outcome.ts'
import { DAY, TillWorld } from './testing/till-world.ts'
import { TILL_EXIT } from './till-constants.ts'
import { plainBody } from './till-messages.ts'

const read = ({ transaction }: Outcome) => readTillTransaction(transaction)

describe('what a watcher reads from a transaction of the Till', () => {
  test('whose account to read again, for every operation that moves an account’s money', async () => {
    const world = await TillWorld.create()
    const account = await world.account('a')
    const sovereign = await world.account('s', 'sovereign')
    const user = world.user.address.toRawString()
    const events = [
      await world.deposit(account, ton('5')),
      await world.depositBinary(sovereign, ton('5')),
      await world.charge([[account, ton('1')]]),
      await world.cheque(sovereign, ton('1')),
      await world.requestExit(account),
      await world.cancelExit(account),
      await world.requestExit(sovereign),
    ].map(read)
    world.wait(DAY)
    events.push(read(await world.finishExit(sovereign)))
    await world.requestExit(account, { nonce: 2 })
    events.push(read(await world.fastExit(account, ton('1'), { nonce: 3 })))
    expect(events.map((event) => event.kind)).toEqual(events.map(() => 'accounts'))
    const found = events.flatMap((event) =>
      event.kind === 'accounts' ? [[event.op, event.accounts]] : [],
    )
    expect(found).toEqual([
      ['comment', [account.id]],
      ['deposit', [sovereign.id]],
      ['charge', [account.id]],
      ['chargeCheque', [sovereign.id]],
      ['exitRequest', [account.id]],
      ['exitCancel', [account.id]],
      ['exitRequest', [sovereign.id]],
      ['exitFinish', [sovereign.id]],
      ['exitFast', [account.id]],
    ])
    expect(events[0]).toMatchObject({ from: user, value: ton('5') })
  })

  test('money that no account got is an orphan: no memo, an encrypted comment, dust', async () => {
    const world = await TillWorld.create()
    const account = await world.account('a')
    const from = world.user.address.toRawString()
    const encrypted = beginCell().storeUint(0x2167da4b, 32).storeUint(0, 256).endCell()
    const kept = { value: ton('1'), bounce: false }
    expect(read(await world.comment('hello', kept))).toEqual({
      kind: 'orphan',
      account: undefined,
      from,
      value: ton('1'),
    })
    expect(read(await world.send(encrypted, { ...kept, via: world.user }))).toMatchObject({
      kind: 'orphan',
    })
    const dust = await world.comment(account.id, { value: ton('0.05'), bounce: false })
    expect(read(dust)).toMatchObject({ kind: 'orphan', account: account.id })
  })

  test('what went back is told from what was refused and kept', async () => {
    const world = await TillWorld.create()
    const back = await world.comment('hello', { value: ton('1') })
    expect(read(back)).toMatchObject({
      kind: 'refused',
      exitCode: TILL_EXIT.BadMemo,
      returned: true,
    })
    const body = plainBody('activateKey')
    const kept = await world.send(body, { value: ton('1'), bounce: false })
    expect(read(kept)).toMatchObject({ kind: 'refused', returned: false })
    // Too little for a single instruction: skipped, and the dust stays.
    const skipped = await world.comment('hello', { value: ton('0.0000001'), bounce: false })
    expect(read(skipped)).toMatchObject({ kind: 'refused', exitCode: undefined, returned: false })
  })

  test('everything else is named by its operation', async () => {
    const world = await TillWorld.create({ holdDays: 0 })
    const account = await world.account('a')
    await world.deposit(account, ton('5'))
    await world.charge([[account, ton('1')]])
    const outcomes = [
      await world.redeem(world.host.address.toRawString(), ton('1')),
      await world.rotate(testKey('next')),
      await world.operate(plainBody('freeze')),
      await world.send(plainBody('topUp')),
    ]
    const ops = outcomes.map(read).map((event) => (event.kind === 'other' ? event.op : event.kind))
    expect(ops).toEqual(['redeem', 'rotateKey', 'freeze', 'topUp'])
  })

  test('no body whatever makes it throw', async () => {
    const world = await TillWorld.create()
    const { transaction } = await world.deposit(await world.account('a'), ton('1'))
    const message = transaction.inMessage
    if (!message) throw new Error('no message')
    for (const op of [0, 0x2f1d8a01, 0x2f1d8a02, 0x2f1d8a03, 0x2f1d8a05, 0x2f1d8a07, 0x11111111]) {
      for (const bits of [0, 1, 64, 64 + 151, 64 + 512]) {
        const body = beginCell().storeUint(op, 32).storeUint(0, bits).endCell()
        const altered: Transaction = { ...transaction, inMessage: { ...message, body } }
        expect(() => readTillTransaction(altered)).not.toThrow()
      }
    }
    const external: Transaction = {
      ...transaction,
      inMessage: {
        info: { type: 'external-in', dest: new Address(0, Buffer.alloc(32)), importFee: 0n },
        body: beginCell().endCell(),
      },
    }
    expect(readTillTransaction(external)).toEqual({ kind: 'unknown' })
  })
})
