import type { Writable } from 'node:stream'

/** What a stream is given at a time: HTTP/2 counts all of it against the memory that a connection may have for all streams. */
const PIECE_BYTES = 64 * 1024

/** Sends a body and ends the stream, a large one as fast as the peer takes it. */
export function sendBody(stream: Writable, body: Uint8Array): void {
  let sent = 0
  const more = (): void => {
    while (sent + PIECE_BYTES < body.length) {
      const piece = body.subarray(sent, sent + PIECE_BYTES)
      sent += PIECE_BYTES
      if (stream.write(piece)) continue
      stream.once('drain', more)
      return
    }
    stream.end(body.subarray(sent))
  }
  more()
}
