import { ton } from '../keys.ts'
import type { TestAccount, TillWorld } from '../till-world.ts'
import type { OpenTill } from './rule.ts'

/** A Till without a hold, one account of 20 TON charged with 2, a tenth of it fees. */
export async function charged(
  open: OpenTill,
  config: Parameters<OpenTill>[0] = {},
): Promise<{ world: TillWorld; account: TestAccount }> {
  const world = await open({ holdDays: 0, ...config })
  const account = await world.account('a')
  await world.deposit(account, ton('20.07'))
  await world.charge([[account, ton('2')]], { feeBps: 1000 })
  return { world, account }
}
