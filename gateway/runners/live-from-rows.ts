import { type Capabilities, type Hashes, type Keyset, parseCapabilities } from '#protocol'
import type { Target } from '../relay/ports.ts'
import type { LiveRunner, Load, Standing } from './live-runner.ts'
import type { LeaseRow, RunnerRow } from './runner-store.ts'

/** What `leases.transport` holds in place of an origin. */
export const TUNNEL = 'tunnel'

/** A runner as the hot path needs it, from what is stored. */
export function toLiveRunner(
  rows: { readonly runner: RunnerRow; readonly lease: LeaseRow },
  made: {
    readonly keyset: Keyset
    readonly standing: Standing
    readonly load: Load
    readonly hashes: Hashes
  },
): LiveRunner {
  const { runner, lease } = rows
  const { keyset, standing, load } = made
  return {
    id: runner.id,
    payee: runner.payee,
    model: runner.model,
    hardware: runner.hardware,
    state: runner.state,
    standing,
    load,
    lease: {
      session: lease.session,
      keyset,
      keysetDigest: lease.keyset_digest,
      target: targetOf(rows, keyset),
      origin: lease.origin,
      contextLength: lease.context_length,
      maxOutputTokens: lease.max_output_tokens,
      capabilities: readCapabilities(lease.capabilities),
      coefficientBps: lease.price_coefficient_bps,
      capacity: lease.capacity,
      allowances: made.hashes.macKey(lease.allowance_key),
      expires: lease.expires,
    },
  }
}

function readCapabilities(stored: string | null): Capabilities | undefined {
  if (stored === null) return undefined
  const document: unknown = JSON.parse(stored)
  return parseCapabilities(document, 'capabilities')
}

function targetOf(
  { runner, lease }: { readonly runner: RunnerRow; readonly lease: LeaseRow },
  keyset: Keyset,
): Target {
  if (lease.transport === TUNNEL) return { kind: 'tunnel', runner: runner.id }
  const pins = keyset.tls_public_keys.map(({ spki_sha256 }) => spki_sha256)
  return { kind: 'direct', url: lease.transport, pins }
}
