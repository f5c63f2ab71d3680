import { awaitBalance, deposit, openAccount } from '#dev/world/fund-account.ts'
import type { World } from '#dev/world/world.ts'
import type { ReceiptDocument } from './stranger.ts'

/** What GET /v1/account shows. Amounts in nanoTON. */
export interface AccountView {
  readonly available: bigint
  readonly held: bigint
  readonly credited: bigint
  readonly settled: bigint
  readonly collected: bigint
}

/** Ten times what a receipt needs to arrive after a restart on a busy machine. */
const CHANGE_MS_MAX = 60_000
const POLL_MS = 25

export class Payer {
  readonly id: string
  readonly apiKey: string
  readonly #origin: string

  constructor(origin: string, apiKey: string, id: string) {
    this.#origin = origin
    this.apiKey = apiKey
    this.id = id
  }

  get headers(): Record<string, string> {
    return { authorization: `Bearer ${this.apiKey}`, 'content-type': 'application/json' }
  }

  get(path: string): Promise<Response> {
    return fetch(`${this.#origin}${path}`, { headers: this.headers })
  }

  post(path: string, body: unknown, signal?: AbortSignal): Promise<Response> {
    return fetch(`${this.#origin}${path}`, {
      method: 'POST',
      headers: this.headers,
      body: JSON.stringify(body),
      ...(signal === undefined ? {} : { signal }),
    })
  }

  chat(body: object, signal?: AbortSignal): Promise<Response> {
    return this.post('/v1/chat/completions', body, signal)
  }

  async read(): Promise<AccountView> {
    const response = await this.get('/v1/account')
    if (!response.ok) throw new Error(`GET /v1/account answered ${response.status}`)
    // Sound: openapi.yaml says so, and a test validates the route against it.
    const told = (await response.json()) as {
      balance: { available: string; held: string }
      credited: string
      settled: string
      collected: string
    }
    return {
      available: BigInt(told.balance.available),
      held: BigInt(told.balance.held),
      credited: BigInt(told.credited),
      settled: BigInt(told.settled),
      collected: BigInt(told.collected),
    }
  }

  async receipt(id: string): Promise<ReceiptDocument> {
    const response = await this.get(`/v1/aci/receipts/${id}`)
    if (!response.ok) throw new Error(`the receipt answered ${response.status}`)
    // Sound for tests: what is missing fails the check that reads it.
    return (await response.json()) as ReceiptDocument
  }

  /** Waits until the account looks as told. */
  async until(what: string, isThere: (view: AccountView) => boolean): Promise<AccountView> {
    return until(what, () => this.read(), isThere)
  }
}

/** Polls for an outcome that another process brings about. */
export async function until<T>(
  what: string,
  read: () => Promise<T>,
  isThere: (value: T) => boolean,
): Promise<T> {
  const began = performance.now()
  for (;;) {
    const value = await read()
    if (isThere(value)) return value
    if (performance.now() - began > CHANGE_MS_MAX) throw new Error(`it did not happen: ${what}`)
    await new Promise((next) => setTimeout(next, POLL_MS))
  }
}

/** The account that came with the world. */
export function readyPayer({ info }: World): Payer {
  return new Payer(info.webUrl, info.apiKey, info.accountId)
}

/** A new account; with money if told how much TON to deposit. */
export async function newPayer(world: World, ton?: string): Promise<Payer> {
  const { webUrl, chainUrl, tillAddress } = world.info
  const account = await openAccount({ gateway: webUrl, mode: 'managed' })
  if (ton !== undefined) {
    await deposit({ endpoint: chainUrl, till: tillAddress, account, amount: ton })
    await awaitBalance(webUrl, account.apiKey, ({ available }) => available > 0n)
  }
  return new Payer(webUrl, account.apiKey, account.owner.id)
}
