import { type Bytes, putUint32, uint32At } from '#base/bytes.ts'
import { ProtocolError } from './errors.ts'
import { END_LABEL } from './labels.ts'

/** Bytes of a frame's length prefix, big-endian. */
export const PREFIX_BYTES = 4
/** Bytes of an AES-GCM tag. */
export const TAG_BYTES = 16
export const NONCE_BYTES = 12
/** Largest ciphertext of a frame; refused before anything is allocated for it. */
export const MAX_FRAME_BYTES = 64 * 1024 * 1024
/** Largest plaintext of a frame. */
export const MAX_PLAINTEXT_BYTES = MAX_FRAME_BYTES - TAG_BYTES
const COUNT_BYTES = 8
const FIRST_ALLOCATION_BYTES = 64 * 1024

/** Writes the length prefix into the headroom in front of a ciphertext. */
export function writePrefix(frame: Bytes): Bytes {
  putUint32(frame, 0, frame.length - PREFIX_BYTES)
  return frame
}

/** The nonce of frame `sequence`: the base XOR the sequence in its last eight bytes. */
export function nonceAt(base: Bytes, sequence: number): Bytes {
  if (!Number.isSafeInteger(sequence) || sequence < 0) {
    throw new ProtocolError('bad_input', 'frame sequence out of range')
  }
  const nonce = new Uint8Array(base)
  putUint32(nonce, 4, uint32At(nonce, 4) ^ Math.floor(sequence / 2 ** 32))
  putUint32(nonce, 8, uint32At(nonce, 8) ^ sequence)
  return nonce
}

/** AAD of the END frame: it says how many data frames came before it (M1). */
export function endAad(frames: number): Bytes {
  const aad = new Uint8Array(END_LABEL.length + COUNT_BYTES)
  aad.set(END_LABEL)
  putUint32(aad, END_LABEL.length, Math.floor(frames / 2 ** 32))
  putUint32(aad, END_LABEL.length + 4, frames)
  return aad
}

/**
 * Cuts a byte stream into frames, whatever the chunk sizes. Zero-length frames are skipped in the loop;
 * memory is bounded by one frame, and by what has really arrived of it.
 * @see SPEC.md section 1.3
 */
export class FrameDecoder {
  #prefix = new Uint8Array(PREFIX_BYTES)
  #prefixFilled = 0
  #frame: Bytes = new Uint8Array(0)
  #filled = 0
  /** Bytes of the frame being read with its prefix; 0 between frames. */
  #length = 0
  #rest = 0

  /** Bytes of the last chunk behind the frame just yielded. */
  get rest(): number {
    return this.#rest
  }

  /** @throws ProtocolError `frame_truncated` inside a frame or a prefix */
  end(): void {
    if (this.#prefixFilled > 0 || this.#length > 0) {
      throw new ProtocolError('frame_truncated', 'body ended inside a frame')
    }
  }

  /**
   * Every frame that this chunk completes, prefix included. They may be views of the chunk.
   * @throws ProtocolError `frame_too_large`, `frame_unauthentic` (shorter than a tag)
   */
  *push(chunk: Uint8Array): Generator<Uint8Array> {
    let at = 0
    while (at < chunk.length) {
      if (this.#length === 0) {
        const whole = this.#wholeFrame(chunk, at)
        if (whole !== undefined) {
          at += whole.length
          this.#rest = chunk.length - at
          if (whole.length > PREFIX_BYTES) yield whole
          continue
        }
        at += this.#readPrefix(chunk, at)
        continue
      }
      at += this.#fill(chunk, at)
      this.#rest = chunk.length - at
      if (this.#filled === this.#length) yield this.#take()
    }
  }

  /** A frame that lies in the chunk whole, without copying it. */
  #wholeFrame(chunk: Uint8Array, at: number): Uint8Array | undefined {
    if (this.#prefixFilled > 0 || chunk.length - at < PREFIX_BYTES) return undefined
    const end = at + PREFIX_BYTES + checkedLength(chunk, at)
    return end <= chunk.length ? chunk.subarray(at, end) : undefined
  }

  #readPrefix(chunk: Uint8Array, at: number): number {
    const part = chunk.subarray(at, at + PREFIX_BYTES - this.#prefixFilled)
    this.#prefix.set(part, this.#prefixFilled)
    this.#prefixFilled += part.length
    if (this.#prefixFilled === PREFIX_BYTES) {
      const length = checkedLength(this.#prefix, 0)
      this.#prefixFilled = 0
      if (length > 0) this.#begin(length)
    }
    return part.length
  }

  #begin(length: number): void {
    this.#length = PREFIX_BYTES + length
    this.#frame = new Uint8Array(Math.min(this.#length, FIRST_ALLOCATION_BYTES))
    this.#frame.set(this.#prefix)
    this.#filled = PREFIX_BYTES
  }

  #fill(chunk: Uint8Array, at: number): number {
    const part = chunk.subarray(at, at + this.#length - this.#filled)
    const needed = this.#filled + part.length
    if (needed > this.#frame.length) {
      const grown = new Uint8Array(Math.min(this.#length, Math.max(needed, 2 * this.#frame.length)))
      grown.set(this.#frame.subarray(0, this.#filled))
      this.#frame = grown
    }
    this.#frame.set(part, this.#filled)
    this.#filled = needed
    return part.length
  }

  #take(): Bytes {
    const frame = this.#frame
    this.#frame = new Uint8Array(0)
    this.#filled = 0
    this.#length = 0
    return frame
  }
}

function checkedLength(bytes: Uint8Array, at: number): number {
  const length = uint32At(bytes, at)
  if (length > MAX_FRAME_BYTES) throw new ProtocolError('frame_too_large', 'frame exceeds 64 MiB')
  if (length > 0 && length < TAG_BYTES) {
    throw new ProtocolError('frame_unauthentic', 'frame is shorter than a tag')
  }
  return length
}
