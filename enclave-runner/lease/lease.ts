import type { MacKey } from '#protocol'
import type { Identity } from '../attest/identity.ts'

/** A gateway's acceptance of one identity: what its requests are admitted and paid under. */
export interface Lease {
  /** The origin under which we reach the gateway. */
  readonly gateway: string
  /** What the gateway calls itself in signed messages. */
  readonly name: string
  readonly runnerId: string
  /** ACI session that the gateway made of our report: allowances name it. */
  readonly sessionId: string
  readonly identity: Identity
  /** Authenticates this gateway's allowances. */
  readonly allowances: MacKey
  /** The runner's own origin at this gateway, for people. */
  readonly origin: string
  /** Raw address of the gateway's Till; null while it has none. */
  readonly till: string | null
  /** Ed25519 key of vouchers, hex; null while there is no till. */
  readonly meterKey: string | null
}

/** Every lease whose keys still live. Old ones stay until then: requests under way were sealed to them. */
export interface LeaseTable {
  add(lease: Lease): void
  /** Leases whose keyset has not expired, newest first. */
  live(): readonly Lease[]
}

/** Earlier registrations at one gateway that still admit its requests under way. */
const MAX_LEASES_PER_GATEWAY = 8

/** @param now unix seconds */
export function createLeaseTable(now: () => number): LeaseTable {
  let leases: readonly Lease[] = []
  const live = (): readonly Lease[] => {
    const time = now()
    if (leases.some((lease) => lease.identity.keyset.not_after <= time)) {
      leases = leases.filter((lease) => lease.identity.keyset.not_after > time)
    }
    return leases
  }
  return {
    live,
    add(lease) {
      const same = live().filter((known) => known.gateway === lease.gateway)
      const kept = new Set(same.slice(0, MAX_LEASES_PER_GATEWAY - 1))
      const others = live().filter((known) => known.gateway !== lease.gateway || kept.has(known))
      leases = [lease, ...others]
    },
  }
}
