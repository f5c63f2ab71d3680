import type { Bytes } from '#base/bytes.ts'
import { ContractError } from './errors.ts'

/** SHA-256, injected so that this file needs no runtime: WebCrypto's digest or a synchronous one. */
export type Sha256 = (bytes: Bytes) => Promise<Bytes> | Bytes

/** WebCrypto's SHA-256, where the runtime has it. */
export const webSha256: Sha256 = async (bytes) =>
  new Uint8Array(await crypto.subtle.digest('SHA-256', bytes))

/** The bits of a TON cell without references: enough for everything that people sign here, without @ton/core. */
export interface BitCell {
  /** Padded with zero bits to whole bytes. */
  readonly bytes: Bytes
  readonly bitLength: number
}

const MAX_CELL_BITS = 1023
const MAX_COINS_BYTES = 15
const RAW_BASECHAIN_ADDRESS = /^0:([0-9a-f]{64})$/

/** Writes a cell's bits in order, most significant first. */
export class BitWriter {
  #value = 0n
  #length = 0

  uint(value: bigint, bits: number): this {
    if (value < 0n || value >> BigInt(bits) !== 0n) {
      throw new RangeError(`not an unsigned number of ${bits} bits`)
    }
    this.#value = (this.#value << BigInt(bits)) | value
    this.#length += bits
    return this
  }

  bytes(bytes: Uint8Array): this {
    for (const byte of bytes) this.uint(BigInt(byte), 8)
    return this
  }

  /** Maybe: a bit, then the bytes when they are there. */
  maybeBytes(bytes: Uint8Array | null): this {
    return bytes === null ? this.uint(0n, 1) : this.uint(1n, 1).bytes(bytes)
  }

  /** VarUInteger 16: the length in bytes, then that many. */
  coins(amount: bigint): this {
    const length = amount === 0n ? 0 : Math.ceil(amount.toString(16).length / 2)
    if (amount < 0n || length > MAX_COINS_BYTES) {
      throw new ContractError('bad_amount', 'not an amount of nanoTON')
    }
    return this.uint(BigInt(length), 4).uint(amount, length * 8)
  }

  /** addr_std of workchain 0 without anycast, from "0:" and 64 hex digits. */
  address(raw: string): this {
    const match = RAW_BASECHAIN_ADDRESS.exec(raw)
    if (match === null) throw new ContractError('bad_address', 'not a raw basechain address')
    return this.uint(0b100n, 3)
      .uint(0n, 8)
      .uint(BigInt(`0x${match[1]}`), 256)
  }

  /** addr_none for null. */
  maybeAddress(raw: string | null): this {
    return raw === null ? this.uint(0n, 2) : this.address(raw)
  }

  end(): BitCell {
    if (this.#length > MAX_CELL_BITS) throw new RangeError('a cell holds 1023 bits')
    const byteLength = Math.ceil(this.#length / 8)
    const padded = this.#value << BigInt(byteLength * 8 - this.#length)
    const bytes = new Uint8Array(byteLength)
    for (let i = 0; i < byteLength; i++) {
      bytes[i] = Number((padded >> BigInt(8 * (byteLength - 1 - i))) & 0xffn)
    }
    return { bytes, bitLength: this.#length }
  }
}

/**
 * The representation hash of an ordinary cell without references: two descriptor bytes, then the data with a
 * completion bit when it ends inside a byte.
 * @see https://docs.ton.org/tvm.pdf section 3.1.4
 */
export async function bitCellHash(cell: BitCell, sha256: Sha256): Promise<Bytes> {
  const { bytes, bitLength } = cell
  const preimage = new Uint8Array(2 + bytes.length)
  preimage[1] = Math.floor(bitLength / 8) + Math.ceil(bitLength / 8)
  preimage.set(bytes, 2)
  const spare = bytes.length * 8 - bitLength
  if (spare > 0) {
    const last = preimage.length - 1
    preimage[last] = (preimage[last] ?? 0) | (1 << (spare - 1))
  }
  return sha256(preimage)
}
