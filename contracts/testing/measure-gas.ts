import { MAX_BATCH } from '../till-constants.ts'
import { plainBody, redeemFeesBody, returnFeesBody } from '../till-messages.ts'
import { testKey, ton } from './keys.ts'
import type { Outcome } from './outcome.ts'
import { deepen } from './till-store.ts'
import { DAY, TillWorld } from './till-world.ts'

/** What one operation cost. */
export interface GasRow {
  readonly operation: string
  readonly gas: number
  /** Everything that it cost its sender beyond what it was meant to move, in nanoTON. */
  readonly fees: bigint
}

/** Runs every operation of the Till once, with the paths of its accounts and payees deepened to `depth`. */
export async function measureGas(depth: number): Promise<readonly GasRow[]> {
  const world = await TillWorld.create({ dailyCap: ton('100'), holdDays: 0 })
  const crowd = await Promise.all(
    Array.from({ length: MAX_BATCH }, (_, i) => world.account(`account ${i}`)),
  )
  const [account, second] = crowd
  if (account === undefined || second === undefined) throw new Error('no crowd')
  const sovereign = await world.account('s', 'sovereign')
  const host = world.host.address.toRawString()
  const ids = [...crowd, sovereign].map(({ id }) => id)
  if (depth > 0) await deepen(world, { accounts: ids, payees: [host] }, depth)

  const rows: GasRow[] = []
  const add = (operation: string, outcome: Outcome) => {
    if (!outcome.ok) throw new Error(`${operation}: ${outcome.exitCode}`)
    rows.push({ operation, gas: outcome.gas, fees: outcome.fees })
  }
  add('comment, new account', await world.deposit(account, ton('10')))
  add('comment', await world.deposit(account, ton('10')))
  for (const each of crowd.slice(2)) await world.depositBinary(each, ton('2'))
  add('deposit, new account', await world.depositBinary(second, ton('2')))
  add('deposit', await world.depositBinary(second, ton('2')))
  await world.depositBinary(sovereign, ton('5'))
  add('comment without memo', await world.comment('hello', { value: ton('2'), bounce: false }))
  add('charge, 1 account', await world.charge([[account, ton('1')]], { feeBps: 500 }))
  const all = crowd.map((each) => [each, ton('1.5')] as const)
  add('charge, 20 accounts', await world.charge(all, { feeBps: 500, value: ton('2') }))
  add('chargeCheque', await world.cheque(sovereign, ton('1'), { feeBps: 500 }))
  add('redeem, new payee', await world.redeem(host, ton('1')))
  add('redeem', await world.redeem(host, ton('2')))
  add('exitRequest by key', await world.requestExit(account))
  add('exitCancel', await world.cancelExit(account))
  add('exitRequest by wallet', await world.requestExit(account, { nonce: 2, signed: false }))
  add('exitFast', await world.fastExit(account, ton('2'), { nonce: 3 }))
  await world.requestExit(second)
  world.wait(DAY)
  add('exitFinish', await world.finishExit(second))
  add('refundOrphan', await world.refundOrphan(ton('1')))
  add('redeemFees', await world.operate(redeemFeesBody(host, ton('0.1'))))
  add('returnFees', await world.operate(returnFeesBody(ton('0.1'))))
  add('rotateKey', await world.rotate(testKey('next')))
  add('cancelRotation', await world.operate(plainBody('cancelRotation')))
  await world.rotate(testKey('next'))
  add('freeze', await world.operate(plainBody('freeze')))
  world.wait(30 * DAY)
  add('activateKey', await world.operate(plainBody('activateKey')))
  add('topUp', await world.send(plainBody('topUp')))
  return rows
}
