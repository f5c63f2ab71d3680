import type { Nano } from '#base/nano.ts'
import type { Allowance, Envelope, HeaderReader, OpenedRequest, Provider } from '#protocol'
import { HEADER, openAllowance, openRequest, ProtocolError, readEnvelope } from '#protocol'
import type { Lease, LeaseTable } from '../lease/lease.ts'
import { outstanding } from '../outbox/ledger.ts'
import type { Outbox } from '../outbox/outbox.ts'
import { Refusal } from './refusal.ts'
import type { ServedAttempts } from './served-attempts.ts'

export interface AdmitDeps {
  readonly provider: Provider<'sync'>
  readonly leases: LeaseTable
  readonly outbox: Outbox
  readonly served: ServedAttempts
  /** Most unpaid work for one gateway. */
  readonly creditLimit: Nano
  readonly model: string
  /** Unix seconds. */
  readonly now: () => number
}

/** A request whose headers are in order: its gateway pays, and its body may be read. */
export interface Ticket {
  readonly path: string
  readonly envelope: Envelope
  readonly allowance: Allowance
  readonly lease: Lease
}

/**
 * Judges a request by its headers alone, so that nobody without an allowance costs more than a MAC.
 * 1. the envelope  2. the allowance, under the key of one live lease  3. the gateway's credit (H20)
 * @throws ProtocolError, Refusal
 */
export function checkHeaders(deps: AdmitDeps, path: string, header: HeaderReader): Ticket {
  const envelope = readEnvelope(header, deps.provider)
  const { allowance, lease } = findAllowance(deps, header(HEADER.allowance), envelope)
  if (outstanding(deps.outbox.credit(lease.gateway)) >= deps.creditLimit) {
    throw new Refusal('credit_exhausted', 'this gateway owes more than its credit: it must voucher')
  }
  return { path, envelope, allowance, lease }
}

/**
 * Opens the body and uses up its allowance: one request and attempt is served once, so that there is one
 * receipt for it (H21).
 * @throws ProtocolError
 */
export async function openBody(
  deps: AdmitDeps,
  { path, envelope, allowance, lease }: Ticket,
  body: Uint8Array,
): Promise<OpenedRequest> {
  const now = deps.now()
  const opened = await openRequest(deps.provider, {
    envelope,
    body,
    keys: lease.identity.keys,
    facts: {
      path,
      model: deps.model,
      session: allowance.session,
      attempt: allowance.attempt,
      maxCost: allowance.max_cost,
      now,
    },
  })
  const { request, attempt, expires } = allowance
  if (!deps.served.take(`${lease.gateway} ${request} ${attempt}`, expires, now)) {
    throw new ProtocolError('replayed', 'this attempt was served before')
  }
  return opened
}

function findAllowance(
  { provider, leases, now }: AdmitDeps,
  header: ReturnType<HeaderReader>,
  envelope: Envelope,
): { allowance: Allowance; lease: Lease } {
  if (typeof header !== 'string') {
    throw new ProtocolError('allowance_invalid', 'the request carries no allowance')
  }
  const expected = { binding: envelope.binding, now: now() }
  let failure: ProtocolError | undefined
  for (const lease of leases.live()) {
    try {
      const allowance = openAllowance(provider, header, lease.allowances, expected)
      if (allowance.session === lease.sessionId) return { allowance, lease }
    } catch (error) {
      if (!(error instanceof ProtocolError)) throw error
      failure = error
      if (error.code === 'allowance_expired') break
    }
  }
  throw (
    failure ?? new ProtocolError('allowance_invalid', 'no lease of this runner is for this session')
  )
}
