import { writeSync } from 'node:fs'
import { ALICE, mirror, reserve, settle } from '../../ledger/testing/fixtures.ts'
import { openLedger } from './open-ledger.ts'

/**
 * A process that reserves and settles until it is killed, and says each answer as soon as it has it:
 * `reserved <n>` and `settled <n> <cost>`. Arguments: database, first request number.
 */
const [path = '', first = '0'] = process.argv.slice(2)
const LANES = 24

const { store, ledger } = openLedger(path)
await ledger.commit([mirror(ALICE, 1_000_000_000_000n)])

// Synchronous: what was said before the kill was also heard.
const say = (line: string) => writeSync(1, `${line}\n`)

let next = Number(first)
async function lane(): Promise<void> {
  for (;;) {
    const number = next++
    const [reserved] = await ledger.commit([reserve(number, 500n)])
    if (!reserved.ok) throw new Error(reserved.code)
    say(`reserved ${number}`)
    const [settled] = await ledger.commit([settle(number, number % 50)])
    if (!settled.ok) throw new Error(settled.code)
    say(`settled ${number} ${settled.cost}`)
  }
}
setInterval(() => store.checkpoint(), 20)
await Promise.all(Array.from({ length: LANES }, lane))
