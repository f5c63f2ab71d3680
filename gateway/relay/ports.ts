/**
 * What the relay needs of a platform: bytes in, bytes out, pause and abort. Nothing in this folder knows Node or
 * Fetch types; `gateway/node/` has the adapters.
 */

/** The client's side of one request. */
export interface Client {
  /** The connection ended before its answer did. */
  readonly gone: boolean
  /** Status and headers, once, before any byte. */
  head(status: number, headers: Readonly<Record<string, string>>): void
  /** @returns false when the client is slower than we are: wait for `drain` */
  write(bytes: Uint8Array): boolean
  /** Ends the answer as complete. */
  end(bytes?: Uint8Array): void
  /** Breaks the connection: what was sent is not the whole answer. */
  fail(): void
  /** Whom to tell of events; the latest call counts. */
  listen(events: ClientEvents): void
}

export interface ClientEvents {
  readonly drain: () => void
  readonly gone: () => void
}

/** A request as it goes to a runner. */
export interface OutgoingRequest {
  /** The runner's own address, as registered and checked. */
  readonly target: Target
  readonly method: 'GET' | 'POST'
  readonly path: string
  readonly headers: Readonly<Record<string, string>>
  readonly body: Uint8Array | null
}

export type Target = DirectTarget | TunnelTarget

/** A runner that the gateway calls. */
export interface DirectTarget {
  readonly kind: 'direct'
  /** Origin of the runner's HTTP server. */
  readonly url: string
  /** SHA-256 of acceptable TLS public keys, hex, from the attested keyset; empty: any valid certificate. */
  readonly pins: readonly string[]
}

/** A runner that dialled out to the gateway. */
export interface TunnelTarget {
  readonly kind: 'tunnel'
  readonly runner: string
}

/** Single header value by lower-case name; a repeated header reads as undefined. */
export type ReadHeader = (name: string) => string | undefined

/**
 * `refused`: never connected. `full`: connected, but there is no room for one more; nothing was sent. `unsafe`: the address or
 * key is not one to connect to. `broken`: cut.
 */
export type Breakage = 'refused' | 'full' | 'unsafe' | 'broken'

/** What comes back from a runner. After `end` or `broken` nothing more is called. */
export interface Incoming {
  head(status: number, header: ReadHeader): void
  data(chunk: Uint8Array): void
  end(): void
  broken(how: Breakage): void
}

/** Control over one request to a runner. Safe to call at any time. */
export interface Call {
  pause(): void
  resume(): void
  /** Closes the connection to the runner, so that it stops working for us. Nothing more is called back. */
  abort(): void
}

export interface Upstream {
  send(request: OutgoingRequest, incoming: Incoming): Call
}
