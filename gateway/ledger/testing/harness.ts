import { expect } from 'vitest'
import type { CoreOptions } from '../core.ts'
import type { AccountState, Ledger } from '../port.ts'
import { ALICE, HOST } from './fixtures.ts'

/** A ledger on an empty store of some runtime. */
export interface Harness {
  readonly ledger: Ledger
  /** The same store after the process ended and began again. */
  restart(): Promise<Ledger>
}

export type OpenHarness = (options: CoreOptions) => Promise<Harness>

export async function stateOf(ledger: Ledger, account = ALICE): Promise<AccountState> {
  const [read] = await ledger.commit([{ op: 'read_account', account }])
  if (!read.ok) throw new Error(read.code)
  return read.account
}

export async function expectSound(ledger: Ledger): Promise<void> {
  const [audit] = await ledger.commit([{ op: 'audit' }])
  expect(audit.broken).toEqual([])
}

export async function balances(ledger: Ledger, account = ALICE): Promise<[bigint, bigint]> {
  const { available, held } = await stateOf(ledger, account)
  return [available, held]
}

export async function hostOf(ledger: Ledger, payee = HOST) {
  const [read] = await ledger.commit([{ op: 'read_host', payee }])
  const { payee: _, ...state } = read.host
  return state
}

/** What every store behind the port must do, whatever runs it. */
/** What a group of rules reads its own test's ledger from: each test has a store of its own. */
export type Opened = () => Harness
