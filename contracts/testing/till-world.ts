import { createHash } from 'node:crypto'
import { type Cell, comment } from '@ton/core'
import { Blockchain, type SandboxContract, type TreasuryContract } from '@ton/sandbox'
import type { Nano } from '#base/nano.ts'
import type { AccountId, AccountMode } from '../account-id.ts'
import { type AccountKeys, accountIdOf } from '../keys-cell.ts'
import {
  cancelOrderBits,
  chequeBits,
  exitOrderBits,
  fastOrderBits,
  orphanOrderBits,
  voucherBits,
} from '../signed-cells.ts'
import { Till } from '../till.ts'
import type { TillConfig } from '../till-config.ts'
import {
  chargeBody,
  chequeBody,
  depositBody,
  exitCancelBody,
  exitFastBody,
  exitFinishBody,
  exitRequestBody,
  memoBody,
  redeemBody,
  refundOrphanBody,
  rotateKeyBody,
} from '../till-messages.ts'
import { sha256, type TestKey, testKey, ton } from './keys.ts'
import { type Outcome, outcomeAt } from './outcome.ts'

export const START = 1_800_000_000
export const HOUR = 3600
export const DAY = 24 * HOUR

export type Treasury = SandboxContract<TreasuryContract>

export interface TestAccount {
  readonly keys: AccountKeys
  readonly id: AccountId
  readonly owner: TestKey
  readonly spend: TestKey
}

export const CONFIG: Omit<TillConfig, 'admin' | 'meterKey'> = {
  exitDelay: DAY,
  rotationDelay: 4 * DAY,
  holdDays: 1,
  dailyCap: ton('5'),
  maxFeeBps: 1_000,
  salt: new Uint8Array(32).fill(1),
}

/** A deployed Till with everybody who plays a part. */
export class TillWorld {
  readonly chain: Blockchain
  readonly till: SandboxContract<Till>
  readonly meter: TestKey
  readonly admin: Treasury
  readonly relay: Treasury
  readonly user: Treasury
  readonly host: Treasury

  private constructor(
    chain: Blockchain,
    till: SandboxContract<Till>,
    meter: TestKey,
    people: readonly [Treasury, Treasury, Treasury, Treasury],
  ) {
    this.chain = chain
    this.till = till
    this.meter = meter
    ;[this.admin, this.relay, this.user, this.host] = people
  }

  static async create(
    config: Partial<TillConfig> = {},
    options: { readonly reserve?: Nano; readonly code?: Cell } = {},
  ): Promise<TillWorld> {
    const chain = await Blockchain.create()
    chain.now = START
    const people = [
      await chain.treasury('admin'),
      await chain.treasury('relay'),
      await chain.treasury('user'),
      await chain.treasury('host'),
    ] as const
    const meter = testKey('meter')
    const admin = people[0].address.toRawString()
    const full = { ...CONFIG, admin, meterKey: meter.publicKey, ...config }
    const till = chain.openContract(Till.createFromConfig(full, options.code))
    await till.sendDeploy(people[0].getSender(), options.reserve ?? ton('2'))
    return new TillWorld(chain, till, meter, people)
  }

  get address(): string {
    return this.till.address.toRawString()
  }

  now(): number {
    return this.chain.now ?? START
  }

  wait(seconds: number): void {
    this.chain.now = this.now() + seconds
  }

  /** An account whose owner is both the user's wallet and a key. */
  async account(
    name: string,
    mode: AccountMode = 'managed',
    changes: Partial<AccountKeys> = {},
  ): Promise<TestAccount> {
    const owner = testKey(`${name} owner`)
    const spend = testKey(`${name} spend`)
    const keys = {
      owner: this.user.address.toRawString(),
      ownerKey: owner.publicKey,
      spendKey: spend.publicKey,
      salt: new Uint8Array(createHash('sha256').update(name).digest().subarray(0, 16)),
      ...changes,
    }
    return { keys, owner, spend, id: await accountIdOf(keys, mode, sha256) }
  }

  async send(
    body: Cell,
    options: { via?: Treasury; value?: Nano; bounce?: boolean } = {},
  ): Promise<Outcome> {
    const via = options.via ?? this.relay
    const { transactions } = await this.till.sendBody(via.getSender(), {
      value: options.value ?? ton('1'),
      body,
      bounce: options.bounce ?? true,
    })
    return outcomeAt(this.till.address.toRawString(), transactions)
  }

  deposit(account: TestAccount, amount: Nano): Promise<Outcome> {
    return this.send(memoBody(account.id), { via: this.user, value: amount })
  }

  depositBinary(account: TestAccount, amount: Nano): Promise<Outcome> {
    return this.send(depositBody(account.id), { via: this.user, value: amount })
  }

  comment(text: string, options: { value?: Nano; bounce?: boolean } = {}): Promise<Outcome> {
    return this.send(comment(text), { via: this.user, ...options })
  }

  async charge(
    items: readonly (readonly [TestAccount, Nano])[],
    options: { key?: TestKey; feeBps?: number; till?: string; value?: Nano } = {},
  ): Promise<Outcome> {
    const batch = {
      till: options.till ?? this.address,
      feeBps: options.feeBps ?? 0,
      items: new Map(items.map(([account, amount]) => [account.id, amount])),
    }
    const body = await chargeBody(batch, (options.key ?? this.meter).sign)
    return this.send(body, options.value === undefined ? {} : { value: options.value })
  }

  async cheque(
    account: TestAccount,
    cumulative: Nano,
    options: { key?: TestKey; feeBps?: number; till?: string; value?: Nano } = {},
  ): Promise<Outcome> {
    const cheque = {
      till: options.till ?? this.address,
      account: account.id,
      feeBps: options.feeBps ?? 0,
      cumulative,
    }
    const signature = await (options.key ?? account.spend).signBits(chequeBits(cheque))
    const body = chequeBody(cheque, account.keys, signature)
    return this.send(body, options.value === undefined ? {} : { value: options.value })
  }

  async redeem(
    payee: string,
    cumulative: Nano,
    options: { key?: TestKey; till?: string; value?: Nano } = {},
  ): Promise<Outcome> {
    const voucher = { till: options.till ?? this.address, payee, cumulative }
    const signature = await (options.key ?? this.meter).signBits(voucherBits(voucher))
    const body = redeemBody(voucher, signature)
    return this.send(body, options.value === undefined ? {} : { value: options.value })
  }

  /** By the owner's key through a stranger, or by the owner's wallet when `signed` is false. */
  async requestExit(
    account: TestAccount,
    options: {
      nonce?: number
      to?: string
      signed?: boolean
      key?: TestKey
      till?: string
      via?: Treasury
      value?: Nano
    } = {},
  ): Promise<Outcome> {
    const order = {
      till: options.till ?? this.address,
      account: account.id,
      to: options.to ?? this.user.address.toRawString(),
      nonce: options.nonce ?? 0,
    }
    const signed = options.signed ?? true
    const signature = signed
      ? await (options.key ?? account.owner).signBits(exitOrderBits(order))
      : undefined
    return this.send(exitRequestBody(order, account.keys, signature), {
      via: options.via ?? (signed ? this.relay : this.user),
      ...(options.value === undefined ? {} : { value: options.value }),
    })
  }

  finishExit(account: TestAccount, options: { value?: Nano } = {}): Promise<Outcome> {
    return this.send(exitFinishBody(account.id), options)
  }

  async cancelExit(
    account: TestAccount,
    options: {
      nonce?: number
      signed?: boolean
      key?: TestKey
      till?: string
      via?: Treasury
    } = {},
  ): Promise<Outcome> {
    const order = {
      till: options.till ?? this.address,
      account: account.id,
      nonce: options.nonce ?? 1,
    }
    const signed = options.signed ?? true
    const signature = signed
      ? await (options.key ?? account.owner).signBits(cancelOrderBits(order))
      : undefined
    return this.send(exitCancelBody(order, account.keys, signature), {
      via: options.via ?? (signed ? this.relay : this.user),
    })
  }

  async fastExit(
    account: TestAccount,
    debit: Nano,
    options: { nonce?: number; key?: TestKey; till?: string; feeBps?: number; value?: Nano } = {},
  ): Promise<Outcome> {
    const order = {
      till: options.till ?? this.address,
      account: account.id,
      feeBps: options.feeBps ?? 0,
      debit,
      nonce: options.nonce ?? 1,
    }
    const signature = await (options.key ?? this.meter).signBits(fastOrderBits(order))
    const value = options.value === undefined ? {} : { value: options.value }
    return this.send(exitFastBody(order, signature), value)
  }

  async refundOrphan(
    amount: Nano,
    options: { nonce?: number; key?: TestKey; till?: string } = {},
  ): Promise<Outcome> {
    const order = {
      till: options.till ?? this.address,
      to: this.user.address.toRawString(),
      amount,
      nonce: options.nonce ?? 0,
    }
    const signature = await (options.key ?? this.meter).signBits(orphanOrderBits(order))
    return this.send(refundOrphanBody(order, signature))
  }

  /** A message of the admin's, or of a stranger who would like to be. */
  operate(body: Cell, via: Treasury = this.admin): Promise<Outcome> {
    return this.send(body, { via })
  }

  rotate(key: TestKey, options: { dropPrevious?: boolean; via?: Treasury } = {}): Promise<Outcome> {
    const body = rotateKeyBody(key.publicKey, { dropPrevious: options.dropPrevious ?? false })
    return this.operate(body, options.via)
  }

  async balance(): Promise<bigint> {
    return (await this.chain.getContract(this.till.address)).balance
  }
}
