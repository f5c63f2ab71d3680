import { type Bytes, concat, fromHex, hex, utf8 } from '#base/bytes.ts'
import { accountId } from './account.ts'
import { amount, exact, hexOf, list, oneOf, type Parsed } from './parse.ts'

/**
 * Proof of reserves: a Merkle tree whose nodes carry sums, over every account's balance. Its root says what a gateway owes
 * in all; a path shows an owner that its own balance is part of that sum, and nobody's name.
 * @see SPEC.md section 10.5
 */
export interface SumNode {
  /** 32 bytes. */
  readonly hash: Bytes
  readonly sum: bigint
}

export interface ReservesLeaf {
  readonly account: string
  /** NanoTON: available and held. */
  readonly balance: bigint
  /** 16 bytes that only the owner is told: without them nobody finds an account in the tree. */
  readonly salt: Bytes
}

type Sha256 = (bytes: Bytes) => Bytes | Promise<Bytes>

const LEAF = utf8('cocoon reserves leaf\0')
const NODE = utf8('cocoon reserves node\0')
/** Sums stay below 2^63: none wraps, and none is negative. */
const MAX_SUM = 2n ** 63n - 1n
/** A Till holds 12,000 accounts: 14 levels. */
const MAX_PATH = 32

export async function reservesLeaf(leaf: ReservesLeaf, sha256: Sha256): Promise<SumNode> {
  const { account, balance, salt } = leaf
  const bytes = concat(LEAF, utf8(account), salt, sumBytes(balance))
  return { hash: await sha256(bytes), sum: balance }
}

export async function reservesNode(
  left: SumNode,
  right: SumNode,
  sha256: Sha256,
): Promise<SumNode> {
  const parts = [NODE, left.hash, sumBytes(left.sum), right.hash, sumBytes(right.sum)]
  const sum = left.sum + right.sum
  sumBytes(sum)
  return { hash: await sha256(concat(...parts)), sum }
}

/** What `GET /v1/account/reserves` answers. */
export const parseReservesProof = exact({
  account: accountId,
  balance: amount,
  salt: hexOf(16),
  /** From the leaf to the root. */
  path: list(exact({ side: oneOf('left', 'right'), hash: hexOf(32), sum: amount }), {
    max: MAX_PATH,
  }),
  /** As `GET /v1/till` shows it to everybody. */
  root: hexOf(32),
  sum: amount,
})
export type ReservesProof = Parsed<typeof parseReservesProof>

/**
 * Whether an account's balance is in the sum that a root states. That the sum is covered, the chain says: the caller compares
 * it with the Till's totals, read by itself.
 */
export async function verifyReservesProof(proof: ReservesProof, sha256: Sha256): Promise<boolean> {
  const { account, balance, salt, path, root, sum } = proof
  try {
    let node = await reservesLeaf({ account, balance, salt: fromHex(salt) }, sha256)
    for (const step of path) {
      const sibling = { hash: fromHex(step.hash), sum: step.sum }
      node =
        step.side === 'left'
          ? await reservesNode(sibling, node, sha256)
          : await reservesNode(node, sibling, sha256)
    }
    return hex(node.hash) === root && node.sum === sum
  } catch (error) {
    if (error instanceof RangeError) return false
    throw error
  }
}

function sumBytes(sum: bigint): Bytes {
  if (sum < 0n || sum > MAX_SUM) throw new RangeError('a sum outside its range')
  const bytes = new Uint8Array(8)
  new DataView(bytes.buffer).setBigUint64(0, sum)
  return bytes
}
