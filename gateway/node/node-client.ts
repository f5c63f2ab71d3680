import type { ServerResponse } from 'node:http'
import type { Client, ClientEvents } from '../relay/ports.ts'

const NOBODY: ClientEvents = { drain: () => {}, gone: () => {} }

/** The client's side of a request over a Node response. */
export class NodeClient implements Client {
  readonly #response: ServerResponse
  #events = NOBODY
  #listening = false

  constructor(response: ServerResponse) {
    this.#response = response
  }

  get gone(): boolean {
    return this.#response.destroyed || (this.#response.closed && !this.#response.writableFinished)
  }

  /** Whether the client has got a status. */
  get started(): boolean {
    return this.#response.headersSent
  }

  head(status: number, headers: Readonly<Record<string, string>>): void {
    this.#response.writeHead(status, headers)
  }

  write(bytes: Uint8Array): boolean {
    return this.#response.write(bytes)
  }

  end(bytes?: Uint8Array): void {
    if (bytes === undefined) this.#response.end()
    else this.#response.end(bytes)
  }

  fail(): void {
    this.#response.destroy()
  }

  listen(events: ClientEvents): void {
    this.#events = events
    if (this.#listening) return
    this.#listening = true
    this.#response.on('drain', () => this.#events.drain())
    this.#response.on('close', () => {
      if (!this.#response.writableFinished) this.#events.gone()
    })
  }
}
