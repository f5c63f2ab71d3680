import type { Attested, Claims } from '#attestation'
import type { UnixMs, UnixSeconds } from '#base/brand.ts'
import type { Capabilities, Keyset, MacKey } from '#protocol'
import type { RunnerId, SessionId, TonAddress } from '../db/ids.ts'
import type { Target } from '../relay/ports.ts'
import type { Busy } from './busy.ts'
import type { Score } from './score.ts'
import type { Tally } from './tally.ts'

/** A runner that this gateway knows, and how it stands. */
export interface LiveRunner {
  readonly id: RunnerId
  readonly payee: TonAddress
  readonly model: string
  /** Chip and GPU identities. */
  readonly hardware: string
  readonly state: RunnerState
  readonly lease: Lease
  readonly standing: Standing
  /** What the gateway itself observes; it outlives leases. */
  readonly load: Load
}

/** `admitted`: may get work. `drained`: finishes what it has. `denied`: the operator wants none of it. */
export type RunnerState = 'admitted' | 'drained' | 'denied'

/** What a registration agreed on. Immutable: a new registration makes a new one. */
export interface Lease {
  readonly session: SessionId
  readonly keyset: Keyset
  readonly keysetDigest: string
  readonly target: Target
  /** The runner's own origin on this gateway. */
  readonly origin: string
  readonly contextLength: number
  readonly maxOutputTokens: number
  /** What the runner says that its model does; undefined: it says nothing. */
  readonly capabilities: Capabilities | undefined
  /** Host's price as a share of the base price, basis points. */
  readonly coefficientBps: number
  /** Requests at once. */
  readonly capacity: number
  readonly allowances: MacKey
  readonly expires: UnixSeconds
}

/** The latest appraisal of a session. */
export interface Standing {
  readonly status: 'verified' | 'simulated'
  readonly claims: Claims
  readonly attested: Attested
  readonly appraised: UnixSeconds
  /** Nothing is sealed to the runner after this time, until it is appraised again. */
  readonly validUntil: UnixSeconds
}

/** Mutable, by the hot path. */
export interface Load {
  inFlight: number
  score: Score
  tally: Tally
  /** What it said of itself lately. */
  busy: Busy
  /** Last heartbeat or registration. */
  seen: UnixMs
  /** A tunnel of its is open: without one a runner that dials out cannot be reached. */
  hasTunnel: boolean
  /** Requests at once by its latest heartbeat: none while its engine is away or it closes. */
  capacity: number
}
