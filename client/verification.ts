import type { Check, Claims } from '#attestation'
import { MAX_KEYSET_SECONDS } from './documents/keyset-life.ts'
import type { AllowlistStatement } from './registry/allowlist.ts'
import { hostsAmong } from './verify/hosts.ts'
import { type Pool, type Refusal, WANTED_HOSTS } from './verify/pool.ts'
import type { VerifiedRunner } from './verify/verify-runner.ts'

/** What this client verified itself, for badges, status pages and people. */
export interface Verification {
  /** The weakest status among the runners in use. */
  readonly status: 'verified' | 'simulated' | 'none'
  readonly gateway: string
  readonly allowlist: AllowlistStatement
  readonly runners: readonly RunnerStatement[]
  readonly refused: readonly Refusal[]
  /** Hosts that cannot be one party or one machine. */
  readonly hosts: number
  /** Sentences for a person; empty when there is nothing to know. */
  readonly warnings: readonly string[]
}

export interface RunnerStatement {
  readonly id: string
  readonly model: string
  readonly weights: string
  readonly payee: string
  readonly status: 'verified' | 'simulated'
  readonly technology: string
  readonly imageHash: string
  readonly tcb: string
  readonly hardware: readonly string[]
  readonly gpus: readonly string[]
  /** Unix seconds: the keys and the GPUs' evidence under them are no older (M9). */
  readonly keysSince: number
  /** Collateral of the gateway's, for want of the vendors' own; Unix seconds at which the vendors signed it. */
  readonly handed: readonly { readonly name: string; readonly issued: number | undefined }[]
  readonly suite: string
  readonly sessionId: string
  readonly claims: Claims
  readonly checks: {
    readonly passed: number
    readonly skipped: readonly string[]
    /** Every check by name, for whoever wants to read them. */
    readonly all: readonly Check[]
  }
  /** Unix seconds. */
  readonly validUntil: number
}

export function verificationOf(
  gateway: string,
  pool: Pool,
  allowlist: AllowlistStatement,
): Verification {
  const runners = pool.verified()
  const simulated = runners.some(({ status }) => status === 'simulated')
  const hosts = hostsAmong(runners).length
  return {
    status: runners.length === 0 ? 'none' : simulated ? 'simulated' : 'verified',
    gateway,
    allowlist,
    runners: runners.map(statementOf),
    refused: pool.refused(),
    hosts,
    warnings: warningsOf({ simulated, hosts, allowlist, runners }),
  }
}

function statementOf(runner: VerifiedRunner): RunnerStatement {
  const { attested, subject, checks } = runner
  const skipped = checks.flatMap((check) => (check.status === 'skip' ? [check.id] : []))
  return {
    id: runner.id,
    model: subject.model,
    weights: subject.weights,
    payee: subject.payee,
    status: runner.status,
    technology: attested.technology,
    imageHash: attested.imageHash,
    tcb: attested.tcb,
    hardware: attested.hardware,
    gpus: attested.gpus.map(({ model }) => model),
    keysSince: runner.keyset.not_after - MAX_KEYSET_SECONDS,
    handed: runner.handed,
    suite: runner.suite,
    sessionId: runner.sessionId,
    claims: runner.claims,
    checks: {
      passed: checks.filter(({ status }) => status === 'pass').length,
      skipped,
      all: checks,
    },
    validUntil: runner.validUntil,
  }
}

function warningsOf(state: {
  readonly simulated: boolean
  readonly hosts: number
  readonly allowlist: AllowlistStatement
  readonly runners: readonly VerifiedRunner[]
}): string[] {
  const { source } = state.allowlist
  const handed = state.runners.flatMap((runner) => runner.handed)
  const oldest = Math.min(...handed.map(({ issued }) => issued ?? Number.POSITIVE_INFINITY))
  const since = Number.isFinite(oldest) ? dateOf(oldest) : 'a time that it does not say'
  const warnings = {
    'The evidence is simulated: no hardware protects these prompts.': state.simulated,
    [`The allowlist is ${source}: nobody else confirmed it.`]: source !== 'registry',
    [`Only ${state.hosts} independent host${state.hosts === 1 ? '' : 's'} verified, ${WANTED_HOSTS} are wanted: one broken machine would see more of the prompts.`]:
      state.hosts < WANTED_HOSTS,
    [`Vendors' servers did not answer: their lists came from the gateway, the oldest signed on ${since}. A revocation since then is not seen.`]:
      handed.length > 0,
  }
  return Object.entries(warnings).flatMap(([text, applies]) => (applies ? [text] : []))
}

function dateOf(seconds: number): string {
  return new Date(seconds * 1000).toISOString().slice(0, 10)
}
