import type { RunnerId } from '../db/ids.ts'
import { originByHost } from '../http/runner-address.ts'
import type { Origins } from '../runners/deps.ts'
import { type HttpServer, openHttpServer, type RequestHandler } from './http-server.ts'

export interface NodeOrigins extends Origins {
  /** Origins by runner, of those that have a listener of their own. */
  list(): ReadonlyMap<RunnerId, string>
  close(drainMs: number): Promise<void>
}

/** Under a domain all runners share one listener: their names tell them apart. */
export function domainOrigins(domain: string): NodeOrigins {
  const assigned = new Map<RunnerId, string>()
  return {
    assign: async (runner) => {
      const origin = originByHost(runner, domain)
      assigned.set(runner, origin)
      return origin
    },
    list: () => assigned,
    close: async () => {},
  }
}

/** Without a domain each runner has a loopback port: the one it had, then the configured ones, then any. */
export function portOrigins(options: {
  readonly host: string
  readonly ports: readonly number[]
  readonly maxConnections: number
  readonly handlerOf: (runner: RunnerId) => RequestHandler
}): NodeOrigins {
  const servers = new Map<RunnerId, HttpServer>()
  const opening = new Map<RunnerId, Promise<HttpServer>>()

  async function open(runner: RunnerId, previous: string | undefined): Promise<HttpServer> {
    const last = previous === undefined ? [] : [Number(new URL(previous).port)]
    for (const port of [...last, ...options.ports, 0]) {
      try {
        const handler = options.handlerOf(runner)
        const { host, maxConnections } = options
        const server = await openHttpServer({ host, port, handler, maxConnections })
        servers.set(runner, server)
        return server
      } catch (error) {
        if (port === 0) throw error
      }
    }
    throw new TypeError('unreachable: port 0 is always tried')
  }

  return {
    async assign(runner, previous) {
      const known = servers.get(runner)
      if (known !== undefined) return known.origin
      const flight = opening.get(runner) ?? open(runner, previous)
      opening.set(runner, flight)
      try {
        return (await flight).origin
      } finally {
        opening.delete(runner)
      }
    },
    list: () => new Map([...servers].map(([runner, { origin }]) => [runner, origin])),
    close: async (drainMs) => {
      await Promise.all(servers.values().map((server) => server.close(drainMs)))
    },
  }
}
