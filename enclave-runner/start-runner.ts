import type { Clock, Random } from '#base/brand.ts'
import { toSeconds } from '#base/brand.ts'
import type { Transport } from '#protocol'
import { nodeProvider } from '#protocol/node'
import type { Attestor } from './attest/attestor.ts'
import { createAttestor } from './attest/attestor.ts'
import type { Identities } from './attest/identities.ts'
import { createIdentities } from './attest/identities.ts'
import { createIdentity } from './attest/identity.ts'
import type { ModelConfig, RunnerConfig } from './config.ts'
import { spokenEndpoints } from './engine/dialects/open-dialect.ts'
import type { Engine } from './engine/engine.ts'
import { openEngine, type VerifiedWeights } from './engine/open-engine.ts'
import type { VerifyVoucher } from './lease/keep-lease.ts'
import { keepLease } from './lease/keep-lease.ts'
import type { Lease } from './lease/lease.ts'
import { createLeaseTable } from './lease/lease.ts'
import type { Offer } from './lease/register.ts'
import { startDelivery } from './outbox/deliver.ts'
import { openOutbox } from './outbox/outbox.ts'
import type { Quoter } from './quote/quoter.ts'
import type { Log, Wait } from './runtime.ts'
import { drain, openDoor } from './serve/door.ts'
import { createHandler } from './serve/handler.ts'
import { createServedAttempts } from './serve/served-attempts.ts'

export interface RunnerDeps {
  readonly quoter: Quoter
  readonly clock: Clock
  readonly random: Random
  readonly fetch: typeof globalThis.fetch
  readonly log: Log
  /** The contracts' check of a voucher, injected by the entry. */
  readonly verifyVoucher: VerifyVoucher
  readonly wait: Wait
  /** In a measured image: weights on a volume under dm-verity are not hashed once more. */
  readonly verifiedWeights?: VerifiedWeights
}

/** What a host may read about a lease. */
export type LeaseView = Pick<Lease, 'gateway' | 'runnerId' | 'sessionId' | 'origin'>

export interface Runner {
  /** `http://host:port` that it listens on; undefined while it only dials out. */
  readonly origin: string | undefined
  /** What gateways call it, one entry a lease. */
  leases(): readonly LeaseView[]
  /** Lets requests under way end (after `drainMs` they end with an error), then stops. */
  close(drainMs?: number): Promise<void>
}

const DRAIN_MS = 30_000

/**
 * Starts a runner.
 * 1. the engine and its weights' digest  2. the outbox and its delivery  3. the identity and its quotes
 * 4. the door: a listener, or tunnels that it dials  5. a lease at every gateway
 */
export async function startRunner(config: RunnerConfig, deps: RunnerDeps): Promise<Runner> {
  const { clock, random, log, wait, fetch } = deps
  const now = (): number => toSeconds(clock())
  const { engine, weights } = await openEngine(config.engine, config.model, {
    clock,
    random,
    wait,
    log,
    capacity: config.capacity,
    verifiedWeights: deps.verifiedWeights,
  })
  const outbox = openOutbox(config.outboxPath)
  const delivery = startDelivery({ outbox, fetch, random, wait, log })
  const attestation = createAttestation(config, deps, engine, weights, now)
  const leases = createLeaseTable(now)
  const shared = { provider: nodeProvider, ...attestation, leases, outbox, random, log, now }
  const { creditLimit, payee, capacity } = config
  const served = createServedAttempts()
  const serving = { ...shared, engine, clock, served, creditLimit, payee, capacity }
  const handler = createHandler({ ...serving, model: config.model.id })
  const door = await openDoor(config, deps, handler)
  const stop = new AbortController()
  const { verifyVoucher } = deps
  const { keepOpen } = door
  const leaseDeps = {
    ...shared,
    production: config.production,
    fetch,
    verifyVoucher,
    wait,
    keepOpen,
    inFlight: () => handler.inFlight,
    capacity: async () => ((await engine.healthy()) ? capacity : 0),
  }
  const offer = makeOffer(config, engine, door.transport)
  const loops = config.gateways.map((gateway) => keepLease(leaseDeps, gateway, offer, stop.signal))
  let closing: Promise<void> | undefined
  const closeAll = async (drainMs: number): Promise<void> => {
    stop.abort()
    await Promise.allSettled(loops)
    await drain(handler, door, drainMs)
    await delivery.close()
    await outbox.close()
    await engine.close()
  }
  return {
    origin: door.origin,
    leases: () => leases.live().map(describeLease),
    close(drainMs = DRAIN_MS) {
      closing ??= closeAll(drainMs)
      return closing
    },
  }
}

function createAttestation(
  config: RunnerConfig,
  { quoter, random }: RunnerDeps,
  engine: Engine,
  weights: string,
  now: () => number,
): { attestor: Attestor; identities: Identities } {
  const model = config.model.id
  const serving = {
    model,
    contextLength: contextOf(config.model, engine),
    engine: engine.fingerprint,
  }
  const attestor = createAttestor(quoter, serving, (identity) => identities.replace(identity))
  const make = () =>
    createIdentity({
      provider: nodeProvider,
      gpus: attestor.gpus,
      claims: { payee: config.payee, model, weights },
      random,
      now: now(),
      lifetimeSeconds: config.keysetSeconds,
    })
  const identities = createIdentities(make, now)
  return { attestor, identities }
}

function describeLease({ gateway, runnerId, sessionId, origin }: Lease): LeaseView {
  return { gateway, runnerId, sessionId, origin }
}

function makeOffer(config: RunnerConfig, engine: Engine, transport: Transport): Offer {
  const context = contextOf(config.model, engine)
  return {
    payee: config.payee,
    transport,
    model: {
      id: config.model.id,
      context_length: context,
      max_output_tokens: Math.min(config.model.maxOutputTokens ?? context, context),
      price_coefficient_bps: config.model.priceCoefficientBps,
      capabilities: { endpoints: spokenEndpoints(engine), ...engine.features },
    },
    capacity: config.capacity,
  }
}

function contextOf(model: ModelConfig, engine: Engine): number {
  return Math.min(model.contextLength ?? engine.contextLength, engine.contextLength)
}
