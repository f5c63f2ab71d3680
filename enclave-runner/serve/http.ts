import type { Readable } from 'node:stream'

/**
 * What serving needs of HTTP, whatever its version: a direct gateway speaks HTTP/1.1 to our listener, a tunnel
 * carries HTTP/2.
 */
export interface HttpRequest extends Pick<Readable, 'on' | 'off' | 'pause' | 'resume'> {
  readonly method?: string | undefined
  readonly url?: string | undefined
  readonly headers: Readonly<Record<string, string | string[] | undefined>>
  /** The body has arrived whole. */
  readonly complete: boolean
}

export interface HttpResponse {
  readonly headersSent: boolean
  readonly destroyed: boolean
  /** Everything was handed to the connection. */
  readonly writableFinished: boolean
  writeHead(status: number, headers: Readonly<Record<string, string>>): this
  flushHeaders(): void
  /** @returns false when the peer is slower than we are: wait for `drain` */
  write(bytes: Uint8Array): boolean
  end(body?: Uint8Array | string): void
  destroy(): void
  on(event: 'drain' | 'close', listener: () => void): void
  off(event: 'drain' | 'close', listener: () => void): void
}
