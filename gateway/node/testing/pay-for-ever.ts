import { writeSync } from 'node:fs'
import { setTimeout as wait } from 'node:timers/promises'
import { unixMs } from '#base/brand.ts'
import { nano } from '#base/nano.ts'
import { tonAddress } from '../../db/ids.ts'
import { orderedExits } from '../../ledger/exits.ts'
import { MoneyError } from '../../money/errors.ts'
import { openGasWallet } from '../../money/gas-wallet.ts'
import { createCashier } from '../../money/run-cashier.ts'
import { createExits } from '../../money/run-exits.ts'
import {
  chainAt,
  METER,
  sha256,
  testKey,
  ton,
  USE_FEE_BPS,
} from '../../money/testing/money-world.ts'
import { createWatcher } from '../../money/watch-deposits.ts'
import { openLedger } from './open-ledger.ts'

/**
 * The money side of a gateway, as fast as it can, until it is killed. Arguments: database, endpoint, Till, the chain's lead over
 * this machine's clock in seconds. Says `round` after each.
 */
const [path = '', endpoint = '', tillText = '', lead = '0'] = process.argv.slice(2)
const till = tonAddress(tillText)
const clock = () => unixMs(Date.now() + Number(lead) * 1_000)
const { store, ledger } = openLedger(path)
const chain = chainAt(endpoint)
const secretKey = new Uint8Array(testKey('gas').secretKey)
const shared = {
  till,
  chain,
  wallet: openGasWallet({ chain, secretKey, networkId: -239 }),
  ledger,
  store,
  orders: async () => orderedExits(store, till, Math.random),
  sign: METER.sign,
  meterKey: METER.publicKey,
  sha256,
  feeBps: USE_FEE_BPS,
  clock,
}
const limits = { total: ton('1000000') }
const covers = async () => true
const watcher = createWatcher({ till, chain, witnesses: [], limits, ledger, store, covers, clock })
const policy = { minCharge: nano(1n), urgent: ton('1'), minRedeem: nano(1n) }
const cashier = createCashier({ ...shared, policy })
const exits = createExits(shared)

for (;;) {
  try {
    await watcher.tick()
    await exits.tick()
    await cashier.tick()
  } catch (error) {
    // A provider's fault ends a round, as in `runJobs`.
    if (!(error instanceof MoneyError)) throw error
  }
  writeSync(1, 'round\n')
  await wait(1)
}
