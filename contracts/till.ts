import {
  Address,
  beginCell,
  Cell,
  type Contract,
  type ContractProvider,
  contractAddress,
  type Sender,
  type StateInit,
} from '@ton/core'
import type { Bytes } from '#base/bytes.ts'
import { type Nano, nano } from '#base/nano.ts'
import { type AccountId, accountNumber } from './account-id.ts'
import build from './build/till.json' with { type: 'json' }
import { type TillConfig, tillData } from './till-config.ts'
import { plainBody } from './till-messages.ts'

/** SHA-256 representation hash of the Till's code, lower-case hex: what auditors and clients pin. */
export const TILL_CODE_HASH: string = build.codeHash

/** One account as the Till keeps it. All amounts but `available` and `capLeft` only grow. */
export interface TillAccount {
  readonly credit: Nano
  readonly debit: Nano
  readonly paidOut: Nano
  /** credit - debit - paidOut */
  readonly available: Nano
  /** What managed charges may still take today; 0 for a sovereign account. */
  readonly capLeft: Nano
  /** What the owner's next order must name. */
  readonly nonce: number
  /** Unix seconds from which the armed exit may be finished; 0: none. Anything else means: closed. */
  readonly exitAt: number
}

export interface TillTotals {
  /** Belongs to accounts. */
  readonly owed: Nano
  /** What vouchers could take now. */
  readonly pool: Nano
  /** Will become pool when its hold is over. */
  readonly held: Nano
  /** Belongs to the operator. */
  readonly fees: Nano
  /** Came without a valid memo. */
  readonly orphans: Nano
  /** The rest of the balance: pays for storage. */
  readonly surplus: Nano
}

export interface TillMeterKey {
  readonly key: Bytes
  readonly previous: { readonly key: Bytes; readonly until: number } | null
  readonly pending: {
    readonly key: Bytes
    readonly at: number
    readonly dropsPrevious: boolean
  } | null
}

export interface TillStatus {
  /** Unix seconds; may lie in the past. */
  readonly frozenUntil: number
  readonly accounts: number
  readonly payees: number
  readonly orphanNonce: number
}

/** The Till's address, deployment and get-methods. Bodies of its messages are in till-messages.ts. */
export class Till implements Contract {
  readonly address: Address
  readonly init?: StateInit

  private constructor(address: Address, init?: StateInit) {
    this.address = address
    if (init !== undefined) this.init = init
  }

  static createFromAddress(address: Address): Till {
    return new Till(address)
  }

  /** @throws ContractError `bad_config`, `small_order_key` */
  static createFromConfig(config: TillConfig, code: Cell = tillCode()): Till {
    const init = { code, data: tillData(config) }
    return new Till(contractAddress(0, init), init)
  }

  /** Deploys with a reserve for storage; STORAGE_RESERVE and some more, or no deposit will be taken. */
  async sendDeploy(provider: ContractProvider, via: Sender, value: Nano): Promise<void> {
    await provider.internal(via, { value, bounce: false, body: plainBody('topUp') })
  }

  /** Sends any body of till-messages.ts; TILL_VALUE says with how much. */
  async sendBody(
    provider: ContractProvider,
    via: Sender,
    message: { readonly value: Nano; readonly body: Cell; readonly bounce?: boolean },
  ): Promise<void> {
    await provider.internal(via, { bounce: true, ...message })
  }

  async getAccount(provider: ContractProvider, account: AccountId): Promise<TillAccount> {
    const { stack } = await provider.get('account', [
      { type: 'int', value: accountNumber(account) },
    ])
    return {
      credit: nano(stack.readBigNumber()),
      debit: nano(stack.readBigNumber()),
      paidOut: nano(stack.readBigNumber()),
      available: nano(stack.readBigNumber()),
      capLeft: nano(stack.readBigNumber()),
      nonce: stack.readNumber(),
      exitAt: stack.readNumber(),
    }
  }

  /** Where an armed exit goes, raw; null when there is none. */
  async getExitTo(provider: ContractProvider, account: AccountId): Promise<string | null> {
    const { stack } = await provider.get('exit_to', [
      { type: 'int', value: accountNumber(account) },
    ])
    return stack.readAddressOpt()?.toRawString() ?? null
  }

  /** Everything that the Till ever paid on vouchers of `payee` (raw address). */
  async getPayeePaid(provider: ContractProvider, payee: string): Promise<Nano> {
    const cell = beginCell().storeAddress(Address.parseRaw(payee)).endCell()
    const { stack } = await provider.get('payee_paid', [{ type: 'slice', cell }])
    return nano(stack.readBigNumber())
  }

  async getTotals(provider: ContractProvider): Promise<TillTotals> {
    const { stack } = await provider.get('totals', [])
    return {
      owed: nano(stack.readBigNumber()),
      pool: nano(stack.readBigNumber()),
      held: nano(stack.readBigNumber()),
      fees: nano(stack.readBigNumber()),
      orphans: nano(stack.readBigNumber()),
      surplus: nano(stack.readBigNumber()),
    }
  }

  async getMeterKey(provider: ContractProvider): Promise<TillMeterKey> {
    const { stack } = await provider.get('meter_key', [])
    const key = keyBytes(stack.readBigNumber())
    const previous = { key: stack.readBigNumber(), until: stack.readNumber() }
    const pending = {
      key: stack.readBigNumber(),
      at: stack.readNumber(),
      dropsPrevious: stack.readBoolean(),
    }
    return {
      key,
      previous: previous.key === 0n ? null : { ...previous, key: keyBytes(previous.key) },
      pending: pending.key === 0n ? null : { ...pending, key: keyBytes(pending.key) },
    }
  }

  async getStatus(provider: ContractProvider): Promise<TillStatus> {
    const { stack } = await provider.get('status', [])
    return {
      frozenUntil: stack.readNumber(),
      accounts: stack.readNumber(),
      payees: stack.readNumber(),
      orphanNonce: stack.readNumber(),
    }
  }

  /** What the Till was deployed with, but for the meter key, which changes. */
  async getConfig(provider: ContractProvider): Promise<Omit<TillConfig, 'meterKey'>> {
    const { stack } = await provider.get('config', [])
    return {
      admin: stack.readAddress().toRawString(),
      exitDelay: stack.readNumber(),
      rotationDelay: stack.readNumber(),
      holdDays: stack.readNumber(),
      dailyCap: nano(stack.readBigNumber()),
      maxFeeBps: stack.readNumber(),
      salt: keyBytes(stack.readBigNumber()),
    }
  }

  /** The 152-bit number that the contract reads from a memo's text, or undefined. */
  async getMemoId(provider: ContractProvider, memo: string): Promise<bigint | undefined> {
    const cell = beginCell().storeBuffer(Buffer.from(memo)).endCell()
    const { stack } = await provider.get('memo_id', [{ type: 'slice', cell }])
    const id = stack.readBigNumber()
    return id < 0n ? undefined : id
  }
}

export function tillCode(): Cell {
  return Cell.fromBase64(build.codeBoc64)
}

function keyBytes(value: bigint): Bytes {
  return new Uint8Array(Buffer.from(value.toString(16).padStart(64, '0'), 'hex'))
}
