import { unixMs } from '#base/brand.ts'
import { webProvider } from '#protocol'
import { type Connection, connectWith } from './connect.ts'
import type { ConnectOptions } from './options.ts'

/**
 * Connects to a gateway without trusting it; see `ConnectOptions`.
 * @example
 * const cocoon = await connect({ baseURL: 'https://gateway.example/v1', registry: { endpoints: [a, b] } })
 * const openai = new OpenAI({ baseURL: cocoon.baseURL, fetch: cocoon.fetch, apiKey })
 * @throws ClientError
 */
export function connect(options: ConnectOptions): Promise<Connection> {
  return connectWith({
    ...options,
    fetch: options.fetch ?? ((input, init) => globalThis.fetch(input, init)),
    clock: options.clock ?? (() => unixMs(Date.now())),
    random: options.random ?? ((length) => crypto.getRandomValues(new Uint8Array(length))),
    provider: options.provider ?? webProvider,
  })
}
