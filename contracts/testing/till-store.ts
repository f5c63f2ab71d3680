import {
  beginCell,
  type Cell,
  Dictionary,
  type DictionaryValue,
  type ShardAccount,
} from '@ton/core'
import { createShardAccount } from '@ton/sandbox'
import { type AccountId, accountNumber } from '../account-id.ts'
import { COINS_VALUE } from '../charge-batch.ts'
import type { TillWorld } from './till-world.ts'

/** The Till's storage opened up, for states that would take thousands of messages to reach. @see till/storage.tolk */
export interface Store {
  amounts: [owed: bigint, pool: bigint, held: bigint, fees: bigint, orphans: bigint]
  accountCount: number
  payeeCount: number
  orphanNonce: number
  frozenUntil: number
  accounts: Dictionary<bigint, Cell>
  payees: Dictionary<bigint, bigint>
  buckets: Dictionary<number, bigint>
  control: Cell
}

/** A leaf's value kept as it is. */
const LEAF: DictionaryValue<Cell> = {
  serialize: (value, builder) => builder.storeSlice(value.beginParse()),
  parse: (slice) => slice.asCell(),
}

export async function readStore(world: TillWorld): Promise<Store> {
  const { accountState } = await world.chain.getContract(world.till.address)
  if (accountState?.type !== 'active' || !accountState.state.data) throw new Error('not deployed')
  const s = accountState.state.data.beginParse()
  return {
    amounts: [s.loadCoins(), s.loadCoins(), s.loadCoins(), s.loadCoins(), s.loadCoins()],
    accountCount: s.loadUint(16),
    payeeCount: s.loadUint(16),
    orphanNonce: s.loadUint(32),
    frozenUntil: s.loadUint(32),
    accounts: s.loadDict(Dictionary.Keys.BigUint(256), LEAF),
    payees: s.loadDict(Dictionary.Keys.BigUint(256), COINS_VALUE),
    buckets: s.loadDict(Dictionary.Keys.Uint(16), COINS_VALUE),
    control: s.loadRef(),
  }
}

export async function writeStore(world: TillWorld, store: Store): Promise<void> {
  const contract = await world.chain.getContract(world.till.address)
  const state = contract.accountState
  if (state?.type !== 'active' || !state.state.code) throw new Error('not deployed')
  const builder = beginCell()
  for (const amount of store.amounts) builder.storeCoins(amount)
  const data = builder
    .storeUint(store.accountCount, 16)
    .storeUint(store.payeeCount, 16)
    .storeUint(store.orphanNonce, 32)
    .storeUint(store.frozenUntil, 32)
    .storeDict(store.accounts)
    .storeDict(store.payees)
    .storeDict(store.buckets)
    .storeRef(store.control)
    .endCell()
  const account: ShardAccount = createShardAccount({
    address: world.till.address,
    code: state.state.code,
    data,
    balance: contract.balance,
  })
  await world.chain.setShardAccount(world.till.address, account)
}

/** Where the Till keeps an account. */
export function accountKey(id: AccountId): bigint {
  const hash = beginCell().storeUint(accountNumber(id), 152).endCell().hash()
  return BigInt(`0x${hash.toString('hex')}`)
}

/** Where the Till keeps a payee. */
export function payeeKey(payee: string): bigint {
  const cell = beginCell()
    .storeUint(0b100, 3)
    .storeUint(0, 8)
    .storeBuffer(Buffer.from(payee.slice(2), 'hex'))
  return BigInt(`0x${cell.endCell().hash().toString('hex')}`)
}

/** Keys that make the path to `victim` fork at each of its first `depth` bits: what an attacker would grind. */
export function forkingKeys(victim: bigint, depth: number): bigint[] {
  return Array.from({ length: depth }, (_, i) => victim ^ (1n << BigInt(255 - i)))
}

/** An account's leaf: credit, nothing taken, no exit. */
export function leaf(credit: bigint): Cell {
  return beginCell()
    .storeCoins(credit)
    .storeCoins(0)
    .storeCoins(0)
    .storeUint(0, 16)
    .storeCoins(0)
    .storeUint(0, 32)
    .storeBit(false)
    .endCell()
}

/** Deepens the paths of accounts and payees to `depth`, as if an attacker had opened all these accounts. */
export async function deepen(
  world: TillWorld,
  paths: { readonly accounts?: readonly AccountId[]; readonly payees?: readonly string[] },
  depth: number,
): Promise<void> {
  const store = await readStore(world)
  for (const id of paths.accounts ?? []) {
    for (const key of forkingKeys(accountKey(id), depth)) {
      if (!store.accounts.has(key)) store.accounts.set(key, leaf(0n))
    }
  }
  for (const payee of paths.payees ?? []) {
    for (const key of forkingKeys(payeeKey(payee), depth)) store.payees.set(key, 0n)
  }
  await writeStore(world, store)
}
