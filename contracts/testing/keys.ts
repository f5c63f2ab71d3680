import { createHash } from 'node:crypto'
import { toNano } from '@ton/core'
import { keyPairFromSeed, sign } from '@ton/crypto'
import type { Bytes } from '#base/bytes.ts'
import { type Nano, nano } from '#base/nano.ts'
import { type BitCell, bitCellHash, type Sha256 } from '../bit-cell.ts'
import type { Sign } from '../signed-cells.ts'

export const sha256: Sha256 = (bytes) => new Uint8Array(createHash('sha256').update(bytes).digest())

export interface TestKey {
  readonly publicKey: Bytes
  readonly sign: Sign
  signBits(cell: BitCell): Promise<Bytes>
}

/** A key pair from a name. */
export function testKey(name: string): TestKey {
  const pair = keyPairFromSeed(createHash('sha256').update(name).digest())
  const signHash: Sign = (hash) => new Uint8Array(sign(Buffer.from(hash), pair.secretKey))
  return {
    publicKey: new Uint8Array(pair.publicKey),
    sign: signHash,
    signBits: async (cell) => signHash(await bitCellHash(cell, sha256)),
  }
}

export function ton(amount: string): Nano {
  return nano(toNano(amount))
}
