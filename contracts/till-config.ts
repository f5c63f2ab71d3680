import { Address, beginCell, type Cell, Dictionary } from '@ton/core'
import type { Bytes } from '#base/bytes.ts'
import type { Nano } from '#base/nano.ts'
import { ContractError } from './errors.ts'
import { isSmallOrder } from './small-order.ts'
import { DAY_SECONDS, FREEZE_GAP_SECONDS, FREEZE_SECONDS } from './till-constants.ts'

/** What a Till is deployed with. All but the meter key are fixed for ever. Addresses are raw. */
export interface TillConfig {
  /** May rotate the meter key, freeze, and take fees; nothing else. */
  readonly admin: string
  readonly meterKey: Bytes
  /** Seconds between an exit's request and its payment. */
  readonly exitDelay: number
  /** Seconds between a new meter key's announcement and its use; the contract takes its own floor if that is more. */
  readonly rotationDelay: number
  /** Full days that managed debits wait before vouchers may take them. */
  readonly holdDays: number
  /** Most that the meter key may take from one managed account in a day. */
  readonly dailyCap: Nano
  /** Most that a charge or cheque may give to the operator, in basis points. */
  readonly maxFeeBps: number
  /** 32 bytes that differ by network, so that no signature of one is good on another. */
  readonly salt: Bytes
}

export const MAX_HOLD_DAYS = 7
export const MAX_FEE_BPS = 3_000
const MAX_DELAY_SECONDS = 60 * DAY_SECONDS

/** The rotation's length that the contract enforces. @see till/operator.tolk Config.rotationTime */
export function rotationSeconds(
  config: Pick<TillConfig, 'exitDelay' | 'holdDays' | 'rotationDelay'>,
): number {
  return Math.max(
    config.rotationDelay,
    config.exitDelay + (config.holdDays + 1) * DAY_SECONDS,
    FREEZE_SECONDS + FREEZE_GAP_SECONDS,
  )
}

/** @throws ContractError `bad_config`, `small_order_key` */
export function assertTillConfig(config: TillConfig): void {
  const within = (name: string, value: number, most: number) => {
    if (!Number.isSafeInteger(value) || value < 0 || value > most) {
      throw new ContractError('bad_config', `${name} is a whole number of at most ${most}`)
    }
  }
  within('exitDelay', config.exitDelay, MAX_DELAY_SECONDS)
  within('rotationDelay', config.rotationDelay, MAX_DELAY_SECONDS)
  within('holdDays', config.holdDays, MAX_HOLD_DAYS)
  within('maxFeeBps', config.maxFeeBps, MAX_FEE_BPS)
  if (config.dailyCap <= 0n) throw new ContractError('bad_config', 'dailyCap is positive')
  if (config.salt.length !== 32) throw new ContractError('bad_config', 'salt has 32 bytes')
  if (config.meterKey.length !== 32) throw new ContractError('bad_config', 'a key has 32 bytes')
  if (isSmallOrder(config.meterKey)) {
    throw new ContractError('small_order_key', 'anyone can sign for this meter key')
  }
}

/** The data of a Till before its first message. @see till/storage.tolk */
export function tillData(config: TillConfig): Cell {
  assertTillConfig(config)
  const fixed = beginCell()
    .storeAddress(Address.parseRaw(config.admin))
    .storeUint(config.exitDelay, 32)
    .storeUint(config.rotationDelay, 32)
    .storeUint(config.holdDays, 8)
    .storeCoins(config.dailyCap)
    .storeUint(config.maxFeeBps, 16)
    .storeBuffer(Buffer.from(config.salt), 32)
    .endCell()
  const control = beginCell()
    .storeBuffer(Buffer.from(config.meterKey), 32)
    .storeBit(false)
    .storeBit(false)
    .storeRef(fixed)
    .endCell()
  const builder = beginCell()
  for (let i = 0; i < 5; i++) builder.storeCoins(0)
  return builder
    .storeUint(0, 16 + 16 + 32 + 32)
    .storeDict(Dictionary.empty())
    .storeDict(Dictionary.empty())
    .storeDict(Dictionary.empty())
    .storeRef(control)
    .endCell()
}
