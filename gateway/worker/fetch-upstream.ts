import type { Breakage, Call, Incoming, OutgoingRequest, Upstream } from '../relay/ports.ts'

/**
 * Requests to runners by Fetch. Cloudflare's network reaches public addresses only and shows no TLS key: a runner whose
 * keyset pins one is not served from here (H15), nor is one that dials out. No redirect is followed.
 */
export function fetchUpstream(doFetch: typeof fetch): Upstream {
  return {
    send(request, incoming) {
      const call = new FetchCall(incoming)
      void call.run(doFetch, request)
      return call
    },
  }
}

class FetchCall implements Call {
  readonly #incoming: Incoming
  readonly #abort = new AbortController()
  #paused: { readonly promise: Promise<void>; readonly resolve: () => void } | undefined
  #over = false

  constructor(incoming: Incoming) {
    this.#incoming = incoming
  }

  async run(doFetch: typeof fetch, request: OutgoingRequest): Promise<void> {
    // The caller gets its handle first.
    await Promise.resolve()
    const { target } = request
    if (target.kind === 'tunnel' || target.pins.length > 0) {
      this.#break('unsafe')
      return
    }
    try {
      const response = await doFetch(target.url + request.path, {
        method: request.method,
        headers: request.headers,
        body: request.body === null ? null : new Uint8Array(request.body),
        redirect: 'manual',
        signal: this.#abort.signal,
      })
      await this.#read(response)
    } catch {
      // Workers do not tell a refused connection from a broken one.
      this.#break('broken')
    }
  }

  async #read(response: Response): Promise<void> {
    if (this.#over) return
    this.#incoming.head(response.status, (name) => response.headers.get(name) ?? undefined)
    const reader = response.body?.getReader()
    while (!this.#over && reader !== undefined) {
      await this.#paused?.promise
      const { done, value } = await reader.read()
      if (this.#over || done) break
      this.#incoming.data(value)
    }
    if (this.#over) return
    this.#over = true
    this.#incoming.end()
  }

  #break(how: Breakage): void {
    if (this.#over) return
    this.#over = true
    this.#incoming.broken(how)
  }

  pause(): void {
    this.#paused ??= Promise.withResolvers<void>()
  }

  resume(): void {
    this.#paused?.resolve()
    this.#paused = undefined
  }

  abort(): void {
    if (this.#over) return
    this.#over = true
    this.resume()
    this.#abort.abort()
  }
}
