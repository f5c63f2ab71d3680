import { Cell, loadStateInit } from '@ton/core'
import { type Bytes, copyBytes, hex } from '#base/bytes.ts'
import type { TonAddress } from '../db/ids.ts'

/** A wallet of at most this many base64 characters is parsed at all. */
const MAX_STATE_INIT_CHARS = 8_192
const KEY_BYTES = 32

interface Layout {
  /** Bits in front of the public key. */
  readonly before: number
  /** W5 begins with whether signatures count at all. */
  readonly signatureFlag?: true
}

const SEQNO: Layout = { before: 32 }
const SEQNO_AND_ID: Layout = { before: 64 }

/**
 * Where wallets keep their public key, by the hash of their code. Only wallets that never change code or key are
 * here: for those what they were deployed with says who signs for them for ever.
 */
const LAYOUTS: Readonly<Record<string, Layout>> = {
  // v1r1, v1r2, v1r3
  a0cfc2c48aee16a271f2cfc0b7382d81756cecb1017d077faaab3bb602f6868c: SEQNO,
  d4902fcc9fad74698fa8e353220a68da0dcf72e32bcb2eb9ee04217c17d3062c: SEQNO,
  '587cc789eff1c84f46ec3797e45fc809a14ff5ae24f1e0c7a6a99cc9dc9061ff': SEQNO,
  // v2r1, v2r2
  '5c9a5e68c108e18721a07c42f9956bfb39ad77ec6d624b60c576ec88eee65329': SEQNO,
  fe9530d3243853083ef2ef0b4c2908c0abf6fa1c31ea243aacaa5bf8c7d753f1: SEQNO,
  // v3r1, v3r2
  b61041a58a7980b946e8fb9e198e3c904d24799ffa36574ea4251c41a566f581: SEQNO_AND_ID,
  '84dafa449f98a6987789ba232358072bc0f76dc4524002a5d0918b9a75d2d599': SEQNO_AND_ID,
  // v4r2
  feb5ff6820e2ff0d9483e7e0d62c817d846789fb4ae580c878866d959dabd5c0: SEQNO_AND_ID,
  // W5 beta: seqno of 33 bits, wallet id of 80
  f3d7ca53493deedac28b381986a849403cbac3d2c584779af081065af0ac4b93: { before: 113 },
  // W5
  '20834b7b72b112147e1b2fb457b84e74d1a30f04f737d4f62a668e9552d2b72f': {
    before: 65,
    signatureFlag: true,
  },
}

/**
 * The public key of a usual wallet, proven by its initial state: the state's hash is the address, and its code is known to
 * sign with the key at that place. A W5 wallet that switched its key off later is not noticed here: the chain says that.
 * @returns undefined when the state does not prove a key for this address
 */
export function keyOfWallet(address: TonAddress, stateInit: string): Bytes | undefined {
  if (stateInit.length > MAX_STATE_INIT_CHARS) return undefined
  try {
    const cell = Cell.fromBase64(stateInit)
    if (hex(cell.hash()) !== address.slice(address.indexOf(':') + 1)) return undefined
    const slice = cell.beginParse()
    const { code, data, ...rest } = loadStateInit(slice)
    slice.endParse()
    if (!code || !data || Object.values(rest).some((part) => part != null)) return undefined
    return keyInData(hex(code.hash()), data)
  } catch {
    return undefined
  }
}

function keyInData(codeHash: string, data: Cell): Bytes | undefined {
  const layout = Object.hasOwn(LAYOUTS, codeHash) ? LAYOUTS[codeHash] : undefined
  if (layout === undefined) return undefined
  const slice = data.beginParse()
  if (layout.signatureFlag === true && !slice.preloadBit()) return undefined
  slice.skip(layout.before)
  return copyBytes(slice.loadBuffer(KEY_BYTES))
}
