import { writeSync } from 'node:fs'
import { setTimeout as wait } from 'node:timers/promises'
import { LedgerError } from '../../ledger/errors.ts'
import type { Ledger, Op, ResultsOf } from '../../ledger/port.ts'
import { ALICE, mirror, reserve, settle } from '../../ledger/testing/fixtures.ts'
import { openLanes } from '../../postgres/lanes.ts'
import { openLedger } from './open-ledger.ts'

/**
 * A process that reserves and settles until it is killed, and says each answer as soon as it has it:
 * `reserved <n>` and `settled <n> <cost>`. Arguments: database (a file, or PostgreSQL's address), first request number.
 */
const [path = '', first = '0'] = process.argv.slice(2)
const LANES = 24

const ledger = path.startsWith('postgres:') ? openShared(path) : openOwn(path)
await ledger.commit([mirror(ALICE, 1_000_000_000_000n)])

function openOwn(file: string): Ledger {
  const { store, ledger } = openLedger(file)
  setInterval(() => store.checkpoint(), 20)
  return ledger
}

/** Asks again while the database is away: every operation may be repeated. */
function openShared(url: string): Ledger {
  const lanes = openLanes({ url, hosts: 'here' }, () => {})
  return {
    async commit<const Ops extends readonly Op[]>(ops: Ops): Promise<ResultsOf<Ops>> {
      for (;;) {
        try {
          return await lanes.commit(ops)
        } catch (error) {
          if (!(error instanceof LedgerError)) throw error
          await wait(50)
        }
      }
    },
  }
}

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
await Promise.all(Array.from({ length: LANES }, lane))
