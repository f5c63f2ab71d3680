import { Address, beginCell, type Cell, Dictionary, type DictionaryValue } from '@ton/core'
import { type Nano, nano } from '#base/nano.ts'
import { type AccountId, accountIdFromNumber, accountMode, accountNumber } from './account-id.ts'
import { ContractError } from './errors.ts'
import { MAX_BATCH } from './till-constants.ts'

/** Cumulative debits of up to 20 managed accounts, for the meter key to sign. */
export interface ChargeBatch {
  /** Raw address of the Till. */
  readonly till: string
  /** The operator's part of what this batch collects, in basis points; at most the Till's maximum. */
  readonly feeBps: number
  readonly items: ReadonlyMap<AccountId, Nano>
}

const TAG = 0x43484731
const ID_KEY = Dictionary.Keys.BigUint(152)

export const COINS_VALUE: DictionaryValue<bigint> = {
  serialize: (value, builder) => builder.storeCoins(value),
  parse: (slice) => slice.loadCoins(),
}

/** @throws ContractError `batch_too_large`, `wrong_mode` */
export function chargeBatchCell(batch: ChargeBatch): Cell {
  if (batch.items.size > MAX_BATCH) {
    throw new ContractError('batch_too_large', `a charge takes ${MAX_BATCH} accounts`)
  }
  const items = Dictionary.empty(ID_KEY, COINS_VALUE)
  for (const [account, cumulative] of batch.items) {
    if (accountMode(account) !== 'managed') {
      throw new ContractError('wrong_mode', 'only a cheque charges a sovereign account')
    }
    items.set(accountNumber(account), cumulative)
  }
  return beginCell()
    .storeUint(TAG, 32)
    .storeAddress(Address.parseRaw(batch.till))
    .storeUint(batch.feeBps, 16)
    .storeDict(items)
    .endCell()
}

/** The inverse of `chargeBatchCell`, for whoever was handed a batch; throws on anything else. */
export function readChargeBatch(cell: Cell): ChargeBatch {
  const slice = cell.beginParse()
  if (slice.loadUint(32) !== TAG) throw new RangeError('not a charge batch')
  const till = slice.loadAddress().toRawString()
  const feeBps = slice.loadUint(16)
  const items = slice.loadDict(ID_KEY, COINS_VALUE)
  slice.endParse()
  return {
    till,
    feeBps,
    items: new Map([...items].map(([id, amount]) => [accountIdFromNumber(id), nano(amount)])),
  }
}
