import { ALICE, reserve, settle } from '../../ledger/testing/fixtures.ts'
import { manyAccounts } from '../../ledger/testing/parallel.ts'
import { openLanes } from '../lanes.ts'

/**
 * One of several processes that spend the same accounts at once: 500 requests of one account, and one request of each of 500.
 * Says how many of the first were reserved. Arguments: database, first request number.
 */
const [url = '', first = '0'] = process.argv.slice(2)
const REQUESTS = 500
const from = Number(first)
const ledger = openLanes({ url, hosts: 'here' }, () => {})

async function spend(number: number, account: typeof ALICE, tokens: number): Promise<boolean> {
  const [reserved] = await ledger.commit([reserve(number, 100n, { account })])
  if (!reserved.ok) return false
  const [settled] = await ledger.commit([settle(number, tokens, { account })])
  if (!settled.ok) throw new Error(settled.code)
  return true
}

const hot = Array.from({ length: REQUESTS }, (_, i) => spend(from + i, ALICE, 10))
const spread = manyAccounts(REQUESTS).map((account, i) =>
  spend(from + REQUESTS + i, account, 1 + (i % 10)),
)
const [one, many] = await Promise.all([Promise.all(hot), Promise.all(spread)])
await ledger.close()
const done = (results: readonly boolean[]): number => results.filter(Boolean).length
process.stdout.write(JSON.stringify({ one: done(one), many: done(many) }))
