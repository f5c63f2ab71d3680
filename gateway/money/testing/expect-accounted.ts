import { expect } from 'vitest'
import type { AccountId, TonAddress } from '../../db/ids.ts'
import { readTill } from '../read-till.ts'
import { type Books, chainAt, type World } from './money-world.ts'

/** Every nano is where the Till says that it is: credits, debits, payouts, fees and the host's money. */
export async function expectAccounted(
  world: World,
  { ledger }: Books,
  people: { readonly accounts: readonly AccountId[]; readonly host: TonAddress },
): Promise<void> {
  const till = readTill(chainAt(world.dev.endpoint), world.till)
  const [audit] = await ledger.commit([{ op: 'audit' }])
  expect(audit.broken).toEqual([])
  let settled = 0n
  for (const account of people.accounts) {
    const { value } = await till.account(account)
    const [read] = await ledger.commit([{ op: 'read_account', account }])
    const state = read.ok ? read.account : { credited: 0n, collected: 0n, settled: 0n, paidOut: 0n }
    expect(state.credited).toBe(value.credit)
    expect(state.paidOut).toBe(value.paidOut)
    expect(state.collected).toBe(value.debit)
    // An exit leaves only when everything used is collected.
    expect(state.settled).toBe(value.debit)
    settled += state.settled
  }
  const [{ host }] = await ledger.commit([{ op: 'read_host', payee: people.host }])
  const paid = await till.payeePaid(people.host)
  expect(host.redeemed).toBe(paid)
  expect(host.vouchered).toBe(host.earned)
  expect(host.earned + audit.fees).toBe(settled)
  expect(paid).toBe(host.earned)
}
