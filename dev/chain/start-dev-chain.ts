import { type Clock, unixMs } from '#base/brand.ts'
import { Chain } from './chain.ts'
import { type Provider, serveChain } from './server.ts'

export interface DevChainOptions {
  /** Default 0: any free port. */
  readonly port?: number
  /** Default 127.0.0.1. */
  readonly host?: string
  /** Default: the machine's clock. */
  readonly clock?: Clock
  /** Milliseconds between blocks; absent: every message makes its block at once. */
  readonly blockMs?: number
}

export interface DevChain extends Provider {
  /** The chain itself, for tests that want more than the JSON-RPC shows. */
  readonly chain: Chain
  /** Another endpoint over the same chain, with its own faults. */
  serve(): Promise<Provider>
  /** A chain with the same past and its own future, behind its own endpoint. */
  fork(): Promise<DevChain>
}

/**
 * Starts a local TON chain that an unmodified `@ton/ton` TonClient takes for toncenter: real contracts in the
 * real TVM, a faucet, a settable clock and switchable faults. `close()` ends it and everything it serves.
 */
export async function startDevChain(options: DevChainOptions = {}): Promise<DevChain> {
  const clock = options.clock ?? (() => unixMs(Date.now()))
  const blockMs = options.blockMs === undefined ? {} : { blockMs: options.blockMs }
  const chain = await Chain.create({ clock, ...blockMs })
  return attach(chain, options.host ?? '127.0.0.1', options.port ?? 0)
}

async function attach(chain: Chain, host: string, port: number): Promise<DevChain> {
  const provider = await serveChain(chain, { host, port })
  const others: Pick<Provider, 'close'>[] = []
  return {
    ...provider,
    chain,
    serve: async () => {
      const other = await serveChain(chain, { host, port: 0 })
      others.push(other)
      return other
    },
    fork: async () => {
      const forked = await attach(await chain.fork(), host, 0)
      others.push(forked)
      return forked
    },
    close: async () => {
      chain.close()
      await Promise.all([provider, ...others].map((item) => item.close()))
    },
  }
}
