import type { Clock, UnixMs } from '#base/brand.ts'
import { hex } from '#base/bytes.ts'
import { type Nano, nano } from '#base/nano.ts'
import type { TillTotals } from '#contracts'
import type { SumNode } from '#protocol'
import type { Liabilities, Reserves, ReservesSnapshot } from '../money/reserves.ts'
import { joinNodes, type TreeKeys } from '../money/reserves-tree.ts'
import { INDEXES, indexOf } from './index-object.ts'
import type { Objects, ReservesPart } from './objects.ts'

/** A snapshot is this fresh. */
const FRESH_MS = 10_000
/** Who asks for one that takes longer is shown the one before, */
const PATIENCE_MS = 5_000
/** and it is so many times as old as that took, so that ledgers are asked a small part of the time. */
const REST = 20
const KEY = 'reserves'

/** A finished snapshot, as it is kept. */
interface Taken {
  readonly at: UnixMs
  readonly tookMs: number
  /** Of every index, in order. */
  readonly parts: readonly ReservesPart[]
  readonly totals: TillTotals | undefined
}

/**
 * Proof of reserves over all ledgers. Each is asked for itself, so that the whole is of a span of time and not of one
 * moment; a settlement meanwhile changes no sum, because both its sides are read of the account in one transaction.
 */
export function objectReserves(deps: {
  readonly objects: Objects
  readonly kv: SyncKvStorage
  readonly keys: TreeKeys
  /** What the Till holds; undefined while the chain cannot be read. */
  readonly totals: () => Promise<TillTotals | undefined>
  readonly clock: Clock
  readonly background: (work: Promise<unknown>) => void
}): Reserves {
  const { objects, kv, keys, clock, background } = deps
  let last = kv.get<Taken>(KEY)
  let taking: Promise<Taken> | undefined

  async function take(): Promise<Taken> {
    const at = clock()
    await Promise.all(INDEXES.map((index) => collect(objects, { index, at, keep: last?.at ?? 0 })))
    const totals = await deps.totals()
    const parts = await Promise.all(INDEXES.map((index) => objects.reserves(index).part(at)))
    last = { at, tookMs: clock() - at, parts, totals }
    kv.put(KEY, last)
    return last
  }

  function fresh(): Promise<Taken> {
    if (last !== undefined && clock() - last.at < freshFor(last)) {
      return Promise.resolve(last)
    }
    taking ??= take().finally(() => {
      taking = undefined
    })
    if (last === undefined || last.tookMs < PATIENCE_MS) return taking
    background(taking)
    return Promise.resolve(last)
  }

  return { snapshot: async () => snapshotOf(await fresh(), objects, keys) }
}

function freshFor({ tookMs }: Taken): number {
  return tookMs < PATIENCE_MS ? FRESH_MS : tookMs * REST
}

/** Page by page, since one invocation may ask so many objects only. */
async function collect(
  objects: Objects,
  part: { readonly index: string; readonly at: UnixMs; readonly keep: number },
): Promise<void> {
  let after: string | null = ''
  for (let no = 0; after !== null; no++) {
    after = await objects.reserves(part.index).collect({ ...part, no, after })
  }
}

async function snapshotOf(
  { at, parts, totals }: Taken,
  objects: Objects,
  { hashes }: TreeKeys,
): Promise<ReservesSnapshot> {
  const places: number[] = []
  const nodes: SumNode[] = []
  for (const { count, hash, sum } of parts) {
    places.push(count === 0 ? -1 : nodes.length)
    if (count > 0) nodes.push({ hash, sum })
  }
  const { top, pathOf } = await joinNodes(nodes, hashes)
  const [root, sum] = [hex(top.hash), nano(top.sum)]
  return {
    at,
    count: parts.reduce((total, { count }) => total + count, 0),
    root,
    sum,
    liabilities: liabilitiesOf(parts, sum),
    totals,
    async proofFor(account) {
      const index = indexOf(`acct:${account}`)
      const place = places[INDEXES.indexOf(index)] ?? -1
      const leaf = place < 0 ? undefined : await objects.reserves(index).leaf(at, account)
      return leaf && { account, ...leaf, path: [...leaf.path, ...pathOf(place)], root, sum }
    },
  }
}

function liabilitiesOf(parts: readonly ReservesPart[], accounts: Nano): Liabilities {
  const total = (of: 'losses' | 'shares' | 'redeemed'): bigint =>
    parts.reduce((sum, part) => sum + part[of], 0n)
  return {
    accounts,
    hosts: nano(total('shares') - total('redeemed')),
    losses: nano(total('losses')),
  }
}
