import { Address, toNano } from '@ton/core'
import { type AccountOwner, newAccountOwner, signAccountRequest } from '#client'
import { type AccountMode, formatMemo } from '#contracts'
import { openDevWallet } from '../chain/wallet.ts'

/** An account of the world, as its owner sees it. */
export interface WorldAccount {
  readonly owner: AccountOwner
  /** Shown once by the gateway. */
  readonly apiKey: string
}

export interface AccountOptions {
  /** Origin of the gateway. */
  readonly gateway: string
  readonly mode: AccountMode
}

const WALLET_FUND_TON = '1000'
const POLL_MS = 50
const CREDIT_MS_MAX = 60_000

/** Makes keys here and asks the gateway for an API key, as any owner's software does (C2). */
export async function openAccount(options: AccountOptions): Promise<WorldAccount> {
  const random = (length: number) => crypto.getRandomValues(new Uint8Array(length))
  const owner = await newAccountOwner({ mode: options.mode, random })
  const request = await signAccountRequest(owner, {
    gateway: options.gateway,
    random,
    nowSeconds: Math.floor(Date.now() / 1000),
  })
  const response = await fetch(`${options.gateway}/v1/accounts`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(request),
  })
  const answer: unknown = await response.json()
  if (!response.ok) throw new Error(`POST /v1/accounts answered ${response.status}`)
  // Sound: openapi.yaml says so, and a test validates the route against it.
  return { owner, apiKey: (answer as { key: string }).key }
}

/** A plain transfer with the memo as comment, from a wallet that is nobody's account. */
export async function deposit(options: {
  readonly endpoint: string
  readonly till: string
  readonly account: WorldAccount
  /** In TON, for example "10". */
  readonly amount: string
  readonly wallet?: string
}): Promise<void> {
  const wallet = openDevWallet(options.endpoint, options.wallet ?? 'a plain wallet')
  if ((await wallet.balance()) < toNano(options.amount) + toNano('1'))
    await wallet.fund(WALLET_FUND_TON)
  await wallet.transfer({
    to: Address.parseRaw(options.till),
    value: toNano(options.amount),
    comment: formatMemo(options.account.owner.id),
  })
}

export interface Balance {
  /** NanoTON. */
  readonly available: bigint
  readonly held: bigint
}

export async function readBalance(gateway: string, apiKey: string): Promise<Balance> {
  const response = await fetch(`${gateway}/v1/account`, {
    headers: { authorization: `Bearer ${apiKey}` },
  })
  if (!response.ok) throw new Error(`GET /v1/account answered ${response.status}`)
  // Sound: openapi.yaml says so, and a test validates the route against it.
  const { balance } = (await response.json()) as { balance: { available: string; held: string } }
  return { available: BigInt(balance.available), held: BigInt(balance.held) }
}

/** Waits until the gateway's balance satisfies a condition. @returns how long it took, in milliseconds */
export async function awaitBalance(
  gateway: string,
  apiKey: string,
  isThere: (balance: Balance) => boolean,
): Promise<number> {
  const began = performance.now()
  while (!isThere(await readBalance(gateway, apiKey))) {
    if (performance.now() - began > CREDIT_MS_MAX)
      throw new Error('the balance did not change in time')
    await new Promise((next) => setTimeout(next, POLL_MS))
  }
  return performance.now() - began
}
