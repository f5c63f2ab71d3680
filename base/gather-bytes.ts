import type { Bytes } from './bytes.ts'

/** Pieces of a stranger's body, put together as they come. */
export interface Gathered {
  /** @returns false for a piece that would exceed the limit, which is not taken */
  add(piece: Uint8Array): boolean
  /** All pieces; a single one as it was handed in, without a copy. */
  whole(): Uint8Array
}

const FIRST_BYTES = 4_096

/**
 * Into one buffer that doubles, not a list: who sends a body in pieces of a byte would make each of them cost an object
 * a hundred times its size, below any limit of bytes.
 */
export function gatherBytes(maxBytes: number): Gathered {
  let only: Uint8Array | undefined
  let buffer: Bytes | undefined
  let length = 0
  const append = (piece: Uint8Array): void => {
    buffer = withRoom(buffer, length, length + piece.length, maxBytes)
    buffer.set(piece, length)
    length += piece.length
  }
  return {
    add(piece) {
      if (piece.length > maxBytes - length) return false
      if (length === 0) {
        only = piece
        length = piece.length
        return true
      }
      if (only !== undefined) {
        length = 0
        append(only)
        only = undefined
      }
      append(piece)
      return true
    },
    whole: () => only ?? buffer?.subarray(0, length) ?? new Uint8Array(0),
  }
}

function withRoom(
  buffer: Bytes | undefined,
  length: number,
  needed: number,
  maxBytes: number,
): Bytes {
  if (buffer !== undefined && needed <= buffer.length) return buffer
  const doubled = Math.max(FIRST_BYTES, 2 * (buffer?.length ?? 0), needed)
  const grown = new Uint8Array(Math.min(doubled, maxBytes))
  if (buffer !== undefined) grown.set(buffer.subarray(0, length))
  return grown
}
