import { ton } from '../keys.ts'
import type { TestAccount, TillWorld } from '../till-world.ts'
import type { OpenTill } from './rule.ts'

/** A Till with one account of 10 TON. */
export async function funded(
  open: OpenTill,
  config: Parameters<OpenTill>[0] = {},
): Promise<{ world: TillWorld; account: TestAccount }> {
  const world = await open(config)
  const account = await world.account('a')
  await world.deposit(account, ton('10.07'))
  return { world, account }
}
