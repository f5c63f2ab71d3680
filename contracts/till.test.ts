import { describe, expect, test } from 'vitest'
import { CONFIG, DAY, TillWorld, ton } from './testing/till-world.ts'
import { TILL_EXIT } from './till-constants.ts'

describe('the whole way', () => {
  test('a deposit by comment is charged, held, redeemed by the host, and the rest exits', async () => {
    const world = await TillWorld.create()
    const account = await world.account('a')
    expect((await world.deposit(account, ton('10'))).ok).toBe(true)
    expect((await world.till.getAccount(account.id)).credit).toBe(ton('9.93'))
    expect((await world.charge([[account, ton('3')]], { feeBps: 500 })).ok).toBe(true)
    expect(await world.till.getTotals()).toMatchObject({
      owed: ton('6.93'),
      pool: 0n,
      held: ton('2.85'),
      fees: ton('0.15'),
    })
    world.wait(2 * DAY)
    const payee = world.host.address.toRawString()
    const before = await world.host.getBalance()
    expect((await world.redeem(payee, ton('2'))).ok).toBe(true)
    expect((await world.host.getBalance()) - before).toBeGreaterThan(ton('1.999'))
    expect(await world.till.getPayeePaid(payee)).toBe(ton('2'))
    expect((await world.requestExit(account)).ok).toBe(true)
    expect((await world.finishExit(account)).exitCode).toBe(TILL_EXIT.TooEarly)
    world.wait(CONFIG.exitDelay)
    const purse = await world.user.getBalance()
    expect((await world.finishExit(account)).ok).toBe(true)
    expect((await world.user.getBalance()) - purse).toBeGreaterThan(ton('6.92'))
    expect(await world.till.getAccount(account.id)).toMatchObject({ available: 0n, exitAt: 0 })
    expect(await world.till.getTotals()).toMatchObject({ owed: 0n, pool: ton('0.85') })
  })
})
