import { type Bytes, fromHex, hex } from '#base/bytes.ts'
import type { FrameObserver, Hasher, Provider } from './crypto.ts'
import { ProtocolError } from './errors.ts'
import { trimSpaces } from './padding.ts'
import { type Receipt, receiptEvent } from './receipt.ts'
import { isReceiptFrame } from './receipt-frame.ts'

/** What a receipt says about one body. */
export interface BodyDigests {
  /** `sha256:<hex>` of the wire bytes. */
  readonly body_hash: string
  /** Hex HMAC of the plaintext under the commitment key. */
  readonly commitment: string
}

/**
 * Hashes one response while it is sealed or opened, up to the frame that carries its receipt. Give it to a
 * sealer or opener as observer.
 * @see SPEC.md section 8.3
 */
export class Transcript implements FrameObserver {
  readonly #wire: GatheredHash
  readonly #plain: GatheredHash
  #receiptFrame: Uint8Array | undefined

  constructor(hashes: Provider['hashes'], commitmentKey: Bytes) {
    const key = hashes.macKey(commitmentKey)
    this.#wire = new GatheredHash(hashes.sha256, hashes.sha256Hasher)
    this.#plain = new GatheredHash(key.mac, key.hasher)
  }

  /**
   * Keeps what it is given: nobody changes bytes that were sealed or opened.
   * @throws ProtocolError `receipt_mismatch` when content follows the receipt
   */
  frame(plaintext: Uint8Array, wire: Uint8Array): void {
    if (this.#receiptFrame !== undefined) {
      throw new ProtocolError('receipt_mismatch', 'content after the receipt')
    }
    if (isReceiptFrame(plaintext)) {
      this.#receiptFrame = plaintext
      return
    }
    this.#wire.add(wire)
    this.#plain.add(plaintext)
  }

  /** The plaintext of the receipt's frame, once it has come. */
  get receiptFrame(): Uint8Array | undefined {
    return this.#receiptFrame
  }

  /** Ends the transcript. */
  digests(): BodyDigests {
    return {
      body_hash: `sha256:${hex(this.#wire.digest())}`,
      commitment: hex(this.#plain.digest()),
    }
  }
}

/** Enough for a whole answer of a page. */
const GATHER_BYTES = 8 * 1024

/** A hash of pieces that are taken together while they are few: one call of a platform's hash instead of an object of it. */
class GatheredHash {
  readonly #once: (...parts: readonly Uint8Array[]) => Bytes
  readonly #begin: () => Hasher
  #hasher: Hasher | undefined
  #parts: Uint8Array[] = []
  #length = 0

  constructor(once: (...parts: readonly Uint8Array[]) => Bytes, begin: () => Hasher) {
    this.#once = once
    this.#begin = begin
  }

  add(bytes: Uint8Array): void {
    this.#parts.push(bytes)
    this.#length += bytes.length
    if (this.#length < GATHER_BYTES) return
    this.#hasher ??= this.#begin()
    this.#pass(this.#hasher)
  }

  digest(): Bytes {
    if (this.#hasher === undefined) return this.#once(...this.#parts)
    this.#pass(this.#hasher)
    return this.#hasher.digest()
  }

  #pass(hasher: Hasher): void {
    for (const part of this.#parts) hasher.update(part)
    this.#parts = []
    this.#length = 0
  }
}

/** Digests of a request: the whole wire body, and the opened body without its padding. */
export function requestDigests(
  hashes: Provider['hashes'],
  request: { wire: Uint8Array; plaintext: Uint8Array; commitmentKey: Bytes },
): BodyDigests {
  return {
    body_hash: `sha256:${hex(hashes.sha256(request.wire))}`,
    commitment: hex(hashes.macKey(request.commitmentKey).mac(trimSpaces(request.plaintext))),
  }
}

/**
 * Compares a verified receipt with what one side really sent and received (M3).
 * @throws ProtocolError `receipt_mismatch`
 */
export function checkReceiptBodies(
  receipt: Receipt,
  seen: { request: BodyDigests; response: BodyDigests },
): void {
  const committed = receiptEvent(receipt, 'plaintext.committed')
  const pairs = {
    'request hash': [receiptEvent(receipt, 'request.received')?.body_hash, seen.request.body_hash],
    'response hash': [
      receiptEvent(receipt, 'response.returned')?.body_hash,
      seen.response.body_hash,
    ],
    'request commitment': [committed?.request, seen.request.commitment],
    'response commitment': [committed?.response, seen.response.commitment],
  }
  for (const [what, [said, real]] of Object.entries(pairs)) {
    if (said !== real) throw new ProtocolError('receipt_mismatch', `receipt: ${what} differs`)
  }
}

/** Reads the commitment key that a plain client was given in a header. */
export function readCommitmentKey(header: string): Bytes {
  try {
    const key = fromHex(header)
    if (key.length === 32) return key
  } catch {
    // Falls through to the one error.
  }
  throw new ProtocolError('header_invalid', 'commitment key is not 64 hex digits')
}
