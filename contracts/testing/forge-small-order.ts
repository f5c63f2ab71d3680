import { beginCell, type Cell } from '@ton/core'
import { signVerify } from '@ton/crypto'

/** The identity point and the scalar zero: a signature that a key of small order accepts for some messages. */
const FORGED = Buffer.concat([Buffer.from([1]), Buffer.alloc(63)])

const TRIES = 200

/**
 * Forges an Ed25519 signature under the all-zero key, as anybody can: the key has order 4, so one message in four
 * passes. `candidate` makes the i-th harmless variant of what the attacker wants signed.
 */
export function forgeUnderZeroKey(candidate: (i: number) => Cell): {
  cell: Cell
  signature: Buffer
} {
  for (let i = 0; i < TRIES; i++) {
    const cell = candidate(i)
    if (signVerify(cell.hash(), FORGED, Buffer.alloc(32))) return { cell, signature: FORGED }
  }
  throw new Error('no variant passed: the verifier refuses the zero key')
}

/** A Keys cell that the wrapper refuses to build: zero keys. */
export function zeroKeysCell(salt: number): Cell {
  return beginCell()
    .storeUint(0, 2)
    .storeBit(true)
    .storeUint(0, 256)
    .storeBit(true)
    .storeUint(0, 256)
    .storeUint(salt, 128)
    .endCell()
}
