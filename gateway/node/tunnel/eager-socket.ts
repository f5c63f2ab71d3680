import { Duplex } from 'node:stream'

type Done = (error?: Error | null) => void
type Written = readonly { readonly chunk: Buffer; readonly encoding: BufferEncoding }[]

/**
 * A connection that takes whatever is written at once. Node's HTTP/2 reads nothing while a write of its own is under way: two
 * peers that send much to each other would wait for each other for ever. What waits here is bounded by the windows of HTTP/2.
 */
export class EagerSocket extends Duplex {
  readonly #socket: Duplex

  constructor(socket: Duplex) {
    super()
    this.#socket = socket
    socket.on('data', (chunk: Buffer) => {
      if (!this.push(chunk)) socket.pause()
    })
    socket.on('end', () => this.push(null))
    socket.on('error', (error) => this.destroy(error))
    socket.on('close', () => this.destroy())
    socket.pause()
  }

  override _read(): void {
    this.#socket.resume()
  }

  override _write(chunk: Buffer, _: BufferEncoding, done: Done): void {
    this.#socket.write(chunk)
    done()
  }

  override _writev(all: Written, done: Done): void {
    this.#socket.cork()
    for (const { chunk } of all) this.#socket.write(chunk)
    this.#socket.uncork()
    done()
  }

  override _final(done: Done): void {
    this.#socket.end(done)
  }

  override _destroy(error: Error | null, done: Done): void {
    this.#socket.destroy()
    done(error)
  }
}
