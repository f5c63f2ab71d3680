import { setTimeout as wait } from 'node:timers/promises'
import { type Nano, nano } from '#base/nano.ts'
import type { CommandIo } from '../command.ts'
import type { TillContext } from './context.ts'
import { tons } from './status.ts'

/** What a gateway's books say that it owes. */
export interface Owes {
  readonly accounts: Nano
  readonly hosts: Nano
  /** Usage that exits took out before it was charged. */
  readonly losses: Nano
}

/** A payment on its way is in the books a moment later than on chain. */
const LOOKS = 8
const LOOK_MS = 1_000

/**
 * Proves that a Till holds what a gateway's books owe, by totals read from the chain here and now. Fees are left out on both sides.
 * @returns what is broken
 */
export async function compareBooks(
  context: TillContext,
  readOwes: () => Promise<Owes>,
  lookMs = LOOK_MS,
): Promise<readonly string[]> {
  let broken: readonly string[] = []
  for (let look = 0; look < LOOKS; look++) {
    if (look > 0) await wait(lookMs)
    broken = await compareOnce(context, await readOwes(), look === 0 ? context.io : undefined)
    if (broken.length === 0) return broken
  }
  return broken
}

async function compareOnce(
  { till, provider, address }: TillContext,
  { accounts, hosts, losses }: Owes,
  io: CommandIo | undefined,
): Promise<readonly string[]> {
  const { owed, pool, held } = await till.getTotals(provider)
  io?.out(`Till       ${address}`)
  io?.out(`  owed     ${tons(owed)} (accounts’ balances: ${tons(accounts)})`)
  io?.out(`  hosts    ${tons(nano(pool + held))} (due to hosts: ${tons(hosts)})`)
  if (losses > 0n) io?.err(`warning: exits took out ${tons(losses)} of usage before it was charged`)
  const broken: string[] = []
  if (accounts > owed) {
    broken.push(`accounts own ${tons(accounts)}, the Till owes them ${tons(owed)}`)
  }
  const [owes, holds] = [accounts + hosts, owed + pool + held + losses]
  if (owes > holds) {
    broken.push(`accounts and hosts own ${tons(nano(owes))}, the Till holds ${tons(nano(holds))}`)
  }
  return broken
}
