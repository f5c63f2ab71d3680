import { nano } from '#base/nano.ts'
import { type GasWallet, openGasWallet } from '../gas-wallet.ts'
import { type Cashier, type CashierDeps, createCashier } from '../run-cashier.ts'
import {
  type Books,
  chainAt,
  METER,
  sha256,
  testKey,
  ton,
  USE_FEE_BPS,
  type World,
} from './money-world.ts'

/** A wallet that pays for messages, of a name's own key. */
export function gasWallet(
  world: World,
  name = 'gas',
  chain = chainAt(world.dev.endpoint),
): GasWallet {
  const secretKey = new Uint8Array(testKey(name).secretKey)
  return openGasWallet({ chain, secretKey, networkId: -239 })
}

export function openCashier(world: World, books: Books, over: Partial<CashierDeps> = {}): Cashier {
  return createCashier({
    till: world.till,
    chain: chainAt(world.dev.endpoint),
    wallet: gasWallet(world),
    ledger: books.ledger,
    store: books.store,
    sign: METER.sign,
    meterKey: METER.publicKey,
    sha256,
    feeBps: USE_FEE_BPS,
    policy: { minCharge: nano(1n), urgent: ton('1'), minRedeem: nano(1n) },
    clock: world.clock,
    ...over,
  })
}
