import { toSeconds } from '#base/brand.ts'
import { parseReport, parseSubject, type Report } from '#protocol'
import type { RunnerId } from '../db/ids.ts'
import { ApiError } from '../errors.ts'
import { codeOf } from '../log.ts'
import type { RunnersDeps } from './deps.ts'
import { bundleOf, type Judgement, judgeEvidence } from './judge-evidence.ts'
import { toLiveRunner } from './live-from-rows.ts'
import { newLoad } from './load.ts'
import type { LeaseRow, RunnerRow, SessionRow } from './runner-store.ts'
import { standingOf } from './standing.ts'

interface Leased {
  readonly runner: RunnerRow
  readonly lease: LeaseRow
  readonly session: SessionRow
}

/**
 * Judges every leased runner again by today's Registry and collateral, at start and at least every ten minutes:
 * an immutable session does not outlive a revocation (M8). A refusal cuts the session for good; what could not
 * be judged stays as it is until its last verdict ends.
 * @param only these alone
 */
export async function appraiseLeases(deps: RunnersDeps, only?: readonly RunnerId[]): Promise<void> {
  for (const leased of await deps.store.leased(only)) {
    const { runner, lease, session } = leased
    if (lease.expires <= toSeconds(deps.clock())) {
      await end(deps, leased)
      continue
    }
    try {
      await appraise(deps, leased)
    } catch (error) {
      const isRefusal = error instanceof ApiError && error.code === 'evidence_refused'
      const check = isRefusal ? (error.param ?? 'unknown') : codeOf(error)
      deps.log('warn', 'appraisal failed', { runner: runner.id, session: session.id, check })
      if (isRefusal) await cut(deps, leased, check)
    }
  }
}

async function appraise(deps: RunnersDeps, { runner, lease, session }: Leased): Promise<void> {
  const { report, challenge } = readEvidence(session)
  const keyset = report.attestation.workload_keyset
  const judgement: Judgement = await judgeEvidence(deps, {
    evidence: report.attestation.evidence,
    keyset,
    keysetDigest: report.workload_keyset_digest,
    subject: parseSubject(keyset.subject),
    nonce: challenge,
  })
  const at = deps.clock()
  const standing = standingOf(judgement, toSeconds(at))
  await deps.store.noteAppraisal(session.id, at, bundleOf(judgement, toSeconds(at)))
  const live = deps.directory.find(runner.id)
  if (live?.lease.session !== session.id) {
    // After a restart, or a registration elsewhere, the address of its own must be opened here.
    const origin = await deps.origins.assign(runner.id, lease.origin)
    const load = live?.load ?? newLoad(runner.seen, await deps.store.findScore(runner.id))
    const made = { keyset, standing, load, hashes: deps.provider.hashes }
    // Registered anew while this was judged: the newer lease stands.
    const [now] = await deps.store.leased([runner.id])
    if (now?.lease.session !== session.id) return
    deps.directory.put(toLiveRunner({ runner, lease: { ...lease, origin } }, made))
  } else {
    deps.directory.setStanding(runner.id, session.id, standing)
  }
}

function readEvidence({ evidence }: SessionRow): { report: Report; challenge: string } {
  // Sound: the row was written by register.ts from a parsed report; the parser runs over it again.
  const stored = JSON.parse(evidence) as { report: unknown; challenge: string }
  return { report: parseReport(stored.report, 'report'), challenge: stored.challenge }
}

async function cut(deps: RunnersDeps, leased: Leased, check: string): Promise<void> {
  await deps.store.cutSession(leased.session.id, check)
  await end(deps, leased)
}

/** What the gateway saw of a machine stays: it may come back with new keys (H7), or has already. */
async function end({ directory, store }: RunnersDeps, { runner, session }: Leased): Promise<void> {
  const { id } = runner
  await store.endLease(id, session.id)
  const live = directory.find(id)
  if (live === undefined) return
  await store.saveScores([{ id, score: live.load.score }])
  if (directory.find(id)?.lease.session === session.id) directory.remove(id)
}
