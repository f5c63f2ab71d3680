import type { Clock, Random } from '#base/brand.ts'
import { backOffMs } from '../back-off.ts'
import type { Lease } from '../lease/lease.ts'
import { LeaseError } from '../lease/lease-error.ts'
import type { Log, Wait } from '../runtime.ts'
import { dialTunnel } from './dial-tunnel.ts'
import type { TunnelServer } from './tunnel-server.ts'

export interface TunnelDeps {
  readonly tunnels: Pick<TunnelServer, 'serve'>
  readonly random: Random
  readonly wait: Wait
  readonly log: Log
  readonly clock: Clock
}

/** A tunnel that held this long was a good one: the next dial is not held back. */
const GOOD_MS = 10_000

/**
 * Keeps one tunnel to a lease's gateway until `stop`: dials, serves, dials again with jittered back-off.
 * An old tunnel outlives `stop`: it ends when the gateway has a newer one, or with its last stream.
 * @throws LeaseError `rejected` when the gateway knows the lease no more
 */
export async function keepTunnel(deps: TunnelDeps, lease: Lease, stop: AbortSignal): Promise<void> {
  const { gateway } = lease
  let failures = 0
  while (!stop.aborted) {
    try {
      const socket = await dialTunnel(lease, stop)
      deps.log('info', 'tunnel opened', { gateway, runner: lease.runnerId })
      const opened = deps.clock()
      const why = await Promise.race([deps.tunnels.serve(socket), aborted(stop)])
      if (stop.aborted) return
      failures = deps.clock() - opened >= GOOD_MS ? 0 : failures + 1
      deps.log('warn', 'tunnel closed', { gateway, failures, code: why })
    } catch (error) {
      if (stop.aborted) return
      failures++
      const code = error instanceof LeaseError ? error.code : 'unknown'
      deps.log('warn', 'tunnel not opened', { gateway, failures, code })
      if (code === 'rejected') throw error
    }
    await deps.wait(backOffMs(failures, deps.random), stop)
  }
}

function aborted(signal: AbortSignal): Promise<'stopped'> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve('stopped')
    signal.addEventListener('abort', () => resolve('stopped'), { once: true })
  })
}
