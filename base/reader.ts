import type { Bytes } from './bytes.ts'

/** Input ended early, or bytes were left over. Callers map it to their own malformed-input code. */
export class ReadError extends Error {
  override readonly name = 'ReadError'
}

/** A bounds-checked cursor: every over-read throws, and `end()` refuses leftovers. */
export class ByteReader {
  readonly #bytes: Uint8Array
  readonly #view: DataView
  #at = 0

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  }

  get offset(): number {
    return this.#at
  }

  get remaining(): number {
    return this.#bytes.length - this.#at
  }

  #claim(length: number): number {
    if (!Number.isSafeInteger(length) || length < 0 || length > this.remaining) {
      throw new ReadError(`needs ${length} bytes at offset ${this.#at}, has ${this.remaining}`)
    }
    const start = this.#at
    this.#at += length
    return start
  }

  u8(): number {
    return this.#view.getUint8(this.#claim(1))
  }

  u16le(): number {
    return this.#view.getUint16(this.#claim(2), true)
  }

  u16be(): number {
    return this.#view.getUint16(this.#claim(2), false)
  }

  u24le(): number {
    return this.u16le() + this.u8() * 0x10000
  }

  u24be(): number {
    return this.u8() * 0x10000 + this.u16be()
  }

  u32le(): number {
    return this.#view.getUint32(this.#claim(4), true)
  }

  u32be(): number {
    return this.#view.getUint32(this.#claim(4), false)
  }

  u64le(): bigint {
    return this.#view.getBigUint64(this.#claim(8), true)
  }

  u64be(): bigint {
    return this.#view.getBigUint64(this.#claim(8), false)
  }

  /** A copy of the next `length` bytes. */
  take(length: number): Bytes {
    const start = this.#claim(length)
    return new Uint8Array(this.#bytes.subarray(start, start + length))
  }

  skip(length: number): void {
    this.#claim(length)
  }

  /** A copy of everything not yet read. */
  rest(): Bytes {
    return this.take(this.remaining)
  }

  end(): void {
    if (this.remaining !== 0) throw new ReadError(`${this.remaining} bytes left over`)
  }
}
