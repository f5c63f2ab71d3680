import type { UnixMs } from '#base/brand.ts'
import { type Bytes, hex, utf8 } from '#base/bytes.ts'
import { nano } from '#base/nano.ts'
import {
  type Hashes,
  type MacKey,
  type ReservesProof,
  reservesLeaf,
  reservesNode,
  type SumNode,
} from '#protocol'
import type { AccountId } from '../db/ids.ts'

export interface Balance {
  readonly id: AccountId
  readonly balance: bigint
}

/** Steps from a leaf, or from the top of a tree, to the top of the one above. */
export type Path = ReservesProof['path']

/** Balances of one moment in a tree of sums. */
export interface ReservesTree {
  readonly count: number
  readonly top: SumNode
  /** Undefined for an account that is not in it. */
  leafOf(account: AccountId): (Pick<ReservesProof, 'balance' | 'salt'> & { path: Path }) | undefined
}

export interface TreeKeys {
  readonly hashes: Pick<Hashes, 'sha256'>
  /** Salts of leaves: nobody who does not know them finds an account in the tree. */
  readonly salts: MacKey
}

const SALT_BYTES = 16
/** What a tree of no accounts states. */
const EMPTY: SumNode = { hash: new Uint8Array(32), sum: 0n }

export const EMPTY_TREE: ReservesTree = { count: 0, top: EMPTY, leafOf: () => undefined }

export async function plantTree(
  balances: readonly Balance[],
  at: UnixMs,
  { hashes, salts }: TreeKeys,
): Promise<ReservesTree> {
  const sha256 = (bytes: Bytes) => hashes.sha256(bytes)
  const leaves = balances
    .map(({ id, balance }) => {
      const salt = salts.mac(utf8(`${at}:${id}`)).slice(0, SALT_BYTES)
      return { account: id, balance, salt }
    })
    // By salt: a place in the tree says nothing of age or size.
    .toSorted((a, b) => (hex(a.salt) < hex(b.salt) ? -1 : 1))
  const nodes = await Promise.all(leaves.map((leaf) => reservesLeaf(leaf, sha256)))
  const { top, pathOf } = await joinNodes(nodes, hashes)
  const places = new Map(leaves.map(({ account }, index) => [account, index]))
  return {
    count: leaves.length,
    top,
    leafOf(account) {
      const index = places.get(account)
      const leaf = index === undefined ? undefined : leaves[index]
      if (index === undefined || leaf === undefined) return undefined
      return { balance: nano(leaf.balance), salt: hex(leaf.salt), path: pathOf(index) }
    },
  }
}

/** Nodes of one level under one top; the last of an odd level goes up alone. */
export async function joinNodes(
  nodes: readonly SumNode[],
  { sha256 }: TreeKeys['hashes'],
): Promise<{ readonly top: SumNode; readonly pathOf: (index: number) => Path }> {
  const levels = [nodes]
  for (let level = nodes; level.length > 1; ) {
    const above: SumNode[] = []
    for (let i = 0; i < level.length; i += 2) {
      const [left, right] = [level[i], level[i + 1]]
      if (left === undefined) continue
      above.push(right === undefined ? left : await reservesNode(left, right, sha256))
    }
    levels.push(above)
    level = above
  }
  return { top: levels.at(-1)?.[0] ?? EMPTY, pathOf: (index) => climb(levels, index) }
}

function climb(levels: readonly (readonly SumNode[])[], from: number): Path {
  const path: { side: 'left' | 'right'; hash: string; sum: ReturnType<typeof nano> }[] = []
  let index = from
  for (const level of levels.slice(0, -1)) {
    const sibling = level[index ^ 1]
    if (sibling !== undefined) {
      const side = index % 2 === 0 ? 'right' : 'left'
      path.push({ side, hash: hex(sibling.hash), sum: nano(sibling.sum) })
    }
    index = Math.floor(index / 2)
  }
  return path
}
