import type { CollateralSource } from '#attestation'
import { type Clock, toSeconds, unixMs } from '#base/brand.ts'
import { createWebhookTeller, type WebhookDeps } from './accounts/webhook-teller.ts'
import { UNFUNDED_MS } from './ledger/expire-accounts.ts'
import type { Ledger } from './ledger/port.ts'
import { appraiseLeases } from './runners/appraise-leases.ts'
import type { RunnersDeps } from './runners/deps.ts'
import { saveScores } from './runners/save-scores.ts'
import { WATCH_MS } from './runners/track-records.ts'

/** Work that nobody asked for. One at a time under each name; a failure waits for the next time. */
export interface Job {
  readonly name: string
  readonly everyMs: number
  /** Of several gateways with the same tables, one does it. */
  readonly once?: true
  /** Asked each time; absent: always. */
  readonly isDue?: () => boolean
  readonly run: () => Promise<void>
  /** Ends what its runs left under way. */
  readonly close?: () => Promise<void>
}

export interface JobsDeps {
  readonly ledger: Ledger
  readonly runners: RunnersDeps
  readonly collateral: CollateralSource
  readonly webhooks: WebhookDeps
  /** Jobs of the money side, when this gateway has a Till, and those of its platform. */
  readonly others: readonly Job[]
  readonly clock: Clock
}

const MAX_EXPIRED = 10_000

/** Every job of a gateway in one process. */
export function createJobs(deps: JobsDeps): readonly Job[] {
  const { ledger, runners, clock } = deps
  return [
    {
      name: 'maintain',
      everyMs: 1_000,
      once: true,
      run: async () => {
        await ledger.commit([{ op: 'maintain', now: toSeconds(clock()) }])
      },
    },
    {
      // Nobody's money is in them, and their owners may open them again.
      name: 'expire accounts',
      everyMs: 3_600_000,
      once: true,
      run: async () => {
        const before = unixMs(clock() - UNFUNDED_MS)
        await ledger.commit([{ op: 'expire_accounts', before, limit: MAX_EXPIRED }])
      },
    },
    webhookJob(deps.webhooks),
    ...createRunnerJobs(runners, deps.collateral),
    ...deps.others,
  ]
}

function webhookJob(webhooks: WebhookDeps): Job {
  const { tell: run, close } = createWebhookTeller(webhooks)
  return { name: 'webhooks', everyMs: 5_000, once: true, run, close }
}

/** What keeps verdicts of runners young. */
export function createRunnerJobs(
  runners: RunnersDeps,
  collateral: CollateralSource,
): readonly Job[] {
  return [
    {
      // A revocation bites within a minute; the policy accepts readings of ten.
      name: 'registry',
      everyMs: 60_000,
      run: async () => {
        if (await runners.allowlist.refresh()) await appraiseLeases(runners)
      },
    },
    // Verdicts hold ten minutes: two failures in a row are still in time.
    { name: 'appraise', everyMs: 200_000, run: () => appraiseLeases(runners) },
    { name: 'track records', everyMs: WATCH_MS, run: () => runners.records.watch() },
    { name: 'scores', everyMs: 10_000, run: () => saveScores(runners) },
    {
      name: 'collateral',
      everyMs: 300_000,
      run: async () => {
        await collateral.refreshDue()
      },
    },
  ]
}
