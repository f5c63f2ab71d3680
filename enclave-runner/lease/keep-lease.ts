import type { Random } from '#base/brand.ts'
import type { Json } from '#base/jcs.ts'
import { parseNano } from '#base/nano.ts'
import type { HeartbeatAnswer } from '#protocol'
import { parseHeartbeatAnswer, signHeartbeat } from '#protocol'
import type { Identities } from '../attest/identities.ts'
import { backOffMs } from '../back-off.ts'
import type { Outbox } from '../outbox/outbox.ts'
import type { Log, Wait } from '../runtime.ts'
import type { Lease, LeaseTable } from './lease.ts'
import { LeaseError } from './lease-error.ts'
import { postJson } from './post-json.ts'
import type { Granted, Offer, RegisterDeps } from './register.ts'
import { read, register } from './register.ts'

export type Voucher = NonNullable<HeartbeatAnswer['settlement']['voucher']>

/** Whether a gateway's voucher is signed by its meter key (hex). The contracts' code decides. */
export type VerifyVoucher = (voucher: Voucher, meterKey: string) => boolean | Promise<boolean>

export interface LeaseDeps extends RegisterDeps {
  readonly identities: Identities
  readonly leases: LeaseTable
  readonly outbox: Outbox
  readonly verifyVoucher: VerifyVoucher
  readonly random: Random
  readonly wait: Wait
  readonly log: Log
  /** Unix seconds. */
  readonly now: () => number
  readonly inFlight: () => number
  /** Requests that may be sent now: none while the engine is away. */
  readonly capacity: () => Promise<number>
  /** Keeps the gateway's way to this runner open while a lease lives; undefined when it calls us by itself. */
  readonly keepOpen: ((lease: Lease, stop: AbortSignal) => Promise<void>) | undefined
}

/** Failed heartbeats in a row after which the gateway may have forgotten us. */
const MAX_SILENT_HEARTBEATS = 5
const GOODBYE_MS = 2000

/**
 * Keeps a lease at one gateway until `stop`: registers, sends heartbeats, registers again when the gateway
 * forgets us or the keys are due, and backs off with jitter while it does not answer.
 */
export async function keepLease(
  deps: LeaseDeps,
  gateway: string,
  offer: Offer,
  stop: AbortSignal,
): Promise<void> {
  let failures = 0
  while (!stop.aborted) {
    try {
      const identity = await deps.identities.current()
      const granted = await register(deps, gateway, identity, offer, stop)
      deps.leases.add(granted.lease)
      const { runnerId } = granted.lease
      deps.log('info', 'registered', { gateway, runner: runnerId, keyset: identity.digest })
      failures = 0
      await holdLease(deps, granted, offer, stop)
      if (stop.aborted) await sayGoodbye(deps, granted.lease)
    } catch (error) {
      if (stop.aborted) return
      failures++
      deps.log('warn', 'not registered', { gateway, failures, reason: reasonOf(error) })
      await deps.wait(backOffMs(failures, deps.random), stop)
    }
  }
}

/** Heartbeats, and the tunnel where there is one: the lease ends with the first that ends. @throws LeaseError */
async function holdLease(
  deps: LeaseDeps,
  granted: Granted,
  offer: Offer,
  stop: AbortSignal,
): Promise<void> {
  const over = new AbortController()
  const either = AbortSignal.any([stop, over.signal])
  const tasks = [sendHeartbeats(deps, granted, offer, either)]
  if (deps.keepOpen !== undefined) tasks.push(deps.keepOpen(granted.lease, either))
  try {
    await Promise.race(tasks)
  } finally {
    over.abort()
    await Promise.allSettled(tasks)
  }
}

/** Returns when it is time to register again. @throws LeaseError `rejected`, `malformed` */
async function sendHeartbeats(
  deps: LeaseDeps,
  granted: Granted,
  offer: Offer,
  stop: AbortSignal,
): Promise<void> {
  // The first one at once: it tells what was vouched before we earn anything here.
  let seconds = 0
  let silent = 0
  while (!stop.aborted) {
    await deps.wait(seconds * 1000, stop)
    if (stop.aborted || deps.identities.isDue(granted.lease.identity)) return
    try {
      const answer = await sendHeartbeat(deps, granted.lease, await deps.capacity(), stop)
      seconds = answer.lease.heartbeat_seconds
      silent = 0
      await takeVoucher(deps, granted.lease, offer, answer.settlement)
    } catch (error) {
      if (stop.aborted) return
      seconds = granted.heartbeatSeconds
      const isSilence = error instanceof LeaseError && error.code === 'unreachable'
      if (!isSilence) throw error
      silent++
      deps.log('warn', 'heartbeat not answered', {
        gateway: granted.lease.gateway,
        failures: silent,
      })
      if (silent >= MAX_SILENT_HEARTBEATS) return
    }
  }
}

async function sendHeartbeat(
  deps: LeaseDeps,
  lease: Lease,
  capacity: number,
  stop: AbortSignal,
): Promise<HeartbeatAnswer> {
  const request = signHeartbeat(
    {
      gateway: lease.name,
      runner_id: lease.runnerId,
      sequence: lease.identity.nextSequence(),
      in_flight: deps.inFlight(),
      capacity,
      at: deps.now(),
    },
    lease.identity.signer,
  )
  // Sound: a heartbeat holds strings and numbers only.
  const body = request as unknown as Json
  const told = await postJson(deps.fetch, `${lease.gateway}/v1/runners/heartbeat`, body, stop)
  return read(() => parseHeartbeatAnswer(told, 'heartbeat'))
}

/** A last heartbeat without capacity: the gateway sends nothing new while we finish what is under way. */
async function sayGoodbye(deps: LeaseDeps, lease: Lease): Promise<void> {
  const soon = AbortSignal.timeout(GOODBYE_MS)
  await sendHeartbeat(deps, lease, 0, soon).catch(() => {
    deps.log('warn', 'goodbye not heard', { gateway: lease.gateway })
  })
}

/** Counts a voucher only when it is ours and its signature verifies (H20), by the meter key of now or of registration. */
async function takeVoucher(
  { outbox, verifyVoucher, log }: LeaseDeps,
  lease: Lease,
  offer: Offer,
  { voucher, meter_key }: HeartbeatAnswer['settlement'],
): Promise<void> {
  const { gateway, till } = lease
  if (voucher === undefined) {
    outbox.vouched(gateway, parseNano('0'))
    return
  }
  const isOurs = voucher.till === till && voucher.payee === offer.payee
  for (const meterKey of isOurs ? [meter_key, lease.meterKey] : []) {
    if (typeof meterKey !== 'string' || !(await verifyVoucher(voucher, meterKey))) continue
    outbox.vouched(gateway, parseNano(voucher.cumulative), { ...voucher, meterKey })
    return
  }
  log('error', 'voucher not accepted', { gateway, isOurs })
}

function reasonOf(error: unknown): string {
  if (error instanceof LeaseError) return `${error.code}: ${error.message}`
  return error instanceof Error ? error.name : 'unknown'
}
