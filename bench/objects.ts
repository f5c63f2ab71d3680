import { nodeProvider } from '#protocol/node'
import type { Section } from './section.ts'

/** What Cloudflare names as one Durable Object's throughput, in requests a second. */
const STORE_RPS = 1_000
/** Calls that one inference request makes to its account's store: reserve and settle. */
const CALLS = 2
const INDEXES = 32

/**
 * Where the load of a million accounts falls: accounts by the hash that their ids are, requests by Zipf's law (the n-th
 * account asks 1/n as often as the first) and evenly.
 */
export async function objectsSection(quick: boolean): Promise<Section> {
  const accounts = quick ? 100_000 : 1_000_000
  const hashes = Array.from({ length: accounts }, (_, i) => hashOf(i))
  const zipf = weights(accounts, (rank) => 1 / (rank + 1))
  const even = weights(accounts, () => 1)
  const row = (name: string, stores: number): string[] => {
    const places = stores === 0 ? hashes.keys().toArray() : hashes.map((hash) => hash % stores)
    const count = stores === 0 ? accounts : stores
    return [name, ...[even, zipf].flatMap((load) => told(hottest(places, load, count)))]
  }
  const shares = new Array<number>(INDEXES).fill(0)
  for (const hash of hashes) shares[hash % INDEXES] = (shares[hash % INDEXES] ?? 0) + 1
  const [least, most] = [Math.min(...shares), Math.max(...shares)]
  return {
    title: `Stores: the hottest of them under the load of ${accounts.toLocaleString('en')} accounts`,
    header: ['stores', 'even: share', 'requests/s in all', 'Zipf: share', 'requests/s in all'],
    rows: [
      row('1', 1),
      row('64, by hash', 64),
      row('1,024, by hash', 1_024),
      row('one an account', 0),
    ],
    note: `What all accounts together may ask until the hottest store is at ${STORE_RPS} calls a second, ${CALLS} calls a request.
With a store of its own, one account's limit is ${STORE_RPS / CALLS} requests a second, whatever the others do. The ${INDEXES} indexes
of account names hold ${least.toLocaleString('en')} to ${most.toLocaleString('en')} names each.`,
  }
}

function hashOf(account: number): number {
  const bytes = new Uint8Array(8)
  new DataView(bytes.buffer).setUint32(0, account)
  const digest = nodeProvider.hashes.sha256(bytes)
  return new DataView(digest.buffer, digest.byteOffset).getUint32(0)
}

/** Shares of the whole, which sum to one. */
function weights(count: number, of: (rank: number) => number): Float64Array {
  const values = Float64Array.from({ length: count }, (_, rank) => of(rank))
  const sum = values.reduce((total, value) => total + value, 0)
  return values.map((value) => value / sum)
}

function hottest(places: readonly number[], load: Float64Array, stores: number): number {
  const sums = new Float64Array(stores)
  for (const [account, place] of places.entries()) {
    sums[place] = (sums[place] ?? 0) + (load[account] ?? 0)
  }
  return sums.reduce((most, value) => Math.max(most, value), 0)
}

function told(share: number): readonly string[] {
  const rps = Math.round(STORE_RPS / CALLS / share)
  return [`${(share * 100).toPrecision(2)} %`, rps.toLocaleString('en')]
}
