import type { Clock, Random } from '#base/brand.ts'
import type { Transport } from '#protocol'
import type { RunnerConfig } from '../config.ts'
import type { LeaseDeps } from '../lease/keep-lease.ts'
import type { Log, Wait } from '../runtime.ts'
import { keepTunnel } from '../tunnel/keep-tunnel.ts'
import { createTunnelServer } from '../tunnel/tunnel-server.ts'
import type { Handler } from './handler.ts'
import { startServer } from './server.ts'

/** The one way in: a listener that gateways call, or connections that the runner dials. */
export interface Door {
  /** `http://host:port` of the listener, if there is one. */
  readonly origin: string | undefined
  /** What registrations say. */
  readonly transport: Transport
  readonly keepOpen: LeaseDeps['keepOpen']
  /** Takes nothing new; resolves when the last connection has ended. */
  close(): Promise<void>
  cut(): void
}

interface DoorDeps {
  readonly clock: Clock
  readonly random: Random
  readonly wait: Wait
  readonly log: Log
}

export async function openDoor(
  { transport, capacity }: RunnerConfig,
  deps: DoorDeps,
  handler: Handler,
): Promise<Door> {
  if (transport.kind === 'tunnel') {
    const tunnels = createTunnelServer(handler, capacity)
    return {
      origin: undefined,
      transport,
      keepOpen: (lease, stop) => keepTunnel({ ...deps, tunnels }, lease, stop),
      close: () => tunnels.close(),
      cut: () => tunnels.cut(),
    }
  }
  const server = await startServer(handler, transport.listen)
  const { origin } = server
  return {
    origin,
    transport: { kind: 'direct', url: transport.url ?? origin },
    keepOpen: undefined,
    close: () => server.close(),
    cut: () => server.cut(),
  }
}

/** For error events and receipts after the engines were stopped. */
const LAST_WORDS_MS = 2000

/** Waits for requests under way; after `drainMs` they end with an error. */
export async function drain(handler: Handler, door: Door, drainMs: number): Promise<void> {
  handler.refuseNew()
  const stop = setTimeout(() => handler.stopRuns(), drainMs)
  const cut = setTimeout(() => door.cut(), drainMs + LAST_WORDS_MS)
  await door.close()
  clearTimeout(stop)
  clearTimeout(cut)
}
