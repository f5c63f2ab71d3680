import { Address, type ContractProvider } from '@ton/core'
import type { Nano } from '#base/nano.ts'
import {
  Till,
  type TillAccount,
  type TillMeterKey,
  type TillStatus,
  type TillTotals,
} from '#contracts'
import type { AccountId, TonAddress } from '../db/ids.ts'
import type { Chain } from './chain.ts'
import { MoneyError } from './errors.ts'
import { getProvider } from './get-provider.ts'

/** A get-method's answer and the block it was true at, when the provider says so. */
export interface Seen<T> {
  readonly value: T
  readonly seqno: number | null
}

/** The Till's get-methods over a provider. */
export interface TillReader {
  account(account: AccountId): Promise<Seen<TillAccount>>
  payeePaid(payee: TonAddress): Promise<Nano>
  totals(): Promise<TillTotals>
  meterKey(): Promise<TillMeterKey>
  status(): Promise<TillStatus>
  /** Where an armed exit goes, raw; null when there is none. */
  exitTo(account: AccountId): Promise<string | null>
  dailyCap(): Promise<Nano>
}

export function readTill(chain: Chain, address: TonAddress): TillReader {
  const till = Till.createFromAddress(Address.parseRaw(address))

  async function seen<T>(read: (provider: ContractProvider) => Promise<T>): Promise<Seen<T>> {
    let answer: Awaited<ReturnType<Chain['runGet']>> | undefined
    const runGet: Chain['runGet'] = async (...asked) => {
      answer = await chain.runGet(...asked)
      return answer
    }
    try {
      const value = await read(getProvider({ runGet }, address))
      return { value, seqno: answer?.seqno ?? null }
    } catch (cause) {
      // There was none: that is told as it is.
      if (answer === undefined) throw cause
      throw new MoneyError('bad_answer', 'not what a Till answers', { cause })
    }
  }

  return {
    account: (account) => seen((provider) => till.getAccount(provider, account)),
    payeePaid: async (payee) => (await seen((p) => till.getPayeePaid(p, payee))).value,
    totals: async () => (await seen((provider) => till.getTotals(provider))).value,
    meterKey: async () => (await seen((provider) => till.getMeterKey(provider))).value,
    status: async () => (await seen((provider) => till.getStatus(provider))).value,
    exitTo: async (account) => (await seen((p) => till.getExitTo(p, account))).value,
    dailyCap: async () => (await seen((provider) => till.getConfig(provider))).value.dailyCap,
  }
}
