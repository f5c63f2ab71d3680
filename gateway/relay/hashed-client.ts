import { hex } from '#base/bytes.ts'
import type { Hasher, Hashes } from '#protocol'
import type { Client, ClientEvents } from './ports.ts'

/** A client whose answer is hashed on its way out: the exact bytes of the body, however they are cut. */
export class HashedClient implements Client {
  readonly #client: Client
  readonly #hasher: Hasher
  readonly #ended: (bodyHash: string) => void
  #state: 'waits' | 'open' | 'closed' = 'waits'

  /** @param ended called once, before the client can see the end, of an answer that has begun */
  constructor(client: Client, hashes: Hashes, ended: (bodyHash: string) => void) {
    this.#client = client
    this.#hasher = hashes.sha256Hasher()
    this.#ended = ended
  }

  get gone(): boolean {
    return this.#client.gone
  }

  head(status: number, headers: Readonly<Record<string, string>>): void {
    this.#state = 'open'
    this.#client.head(status, headers)
  }

  write(bytes: Uint8Array): boolean {
    this.#hash(bytes)
    return this.#client.write(bytes)
  }

  end(bytes?: Uint8Array): void {
    if (bytes !== undefined) this.#hash(bytes)
    this.close()
    this.#client.end(bytes)
  }

  fail(): void {
    this.close()
    this.#client.fail()
  }

  listen(events: ClientEvents): void {
    this.#client.listen(events)
  }

  /** Nothing more comes: what was written is the answer, also where the client left in the middle. */
  close(): void {
    const begun = this.#state === 'open'
    this.#state = 'closed'
    if (begun) this.#ended(`sha256:${hex(this.#hasher.digest())}`)
  }

  /** What comes after the end goes to nobody. */
  #hash(bytes: Uint8Array): void {
    if (this.#state !== 'closed') this.#hasher.update(bytes)
  }
}
