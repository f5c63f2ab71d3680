import {
  type Attested,
  type Check,
  type Claims,
  type Collateral,
  type CollateralSettings,
  type CollateralSource,
  type Collected,
  collateralRequests,
  DEFAULT_POLICY,
  failures,
  NO_COLLATERAL,
  type Policy,
  parseBundle,
  parseEvidence,
  type TrustAnchors,
  verifyEvidence,
} from '#attestation'
import { type Clock, type Random, toSeconds, type UnixSeconds, unixSeconds } from '#base/brand.ts'
import { type Bytes, hex } from '#base/bytes.ts'
import {
  agreeVersion,
  contentAddress,
  type Keyset,
  keysetDigest,
  parseKeyset,
  parseReport,
  parseSubject,
  preferredSealingKey,
  type Report,
  type Subject,
  type SuiteName,
} from '#protocol'
import { expectedOf } from '../documents/expected.ts'
import { keysetLife } from '../documents/keyset-life.ts'
import { ClientError } from '../errors.ts'
import { getJson, type HttpDeps, member } from '../http.ts'
import type { AllowlistReader } from '../registry/allowlist.ts'
import type { Candidate } from './candidates.ts'

/** A runner whose hardware, software, model and keys this client has checked itself. */
export interface VerifiedRunner {
  readonly id: string
  readonly sessionId: string
  readonly candidate: Candidate
  readonly status: 'verified' | 'simulated'
  readonly subject: Subject
  readonly keyset: Keyset
  readonly suite: SuiteName
  readonly sealingKey: Bytes
  readonly claims: Claims
  readonly attested: Attested
  readonly checks: readonly Check[]
  /** Collateral that the gateway handed over and the vendors did not; the times are the vendors' own. */
  readonly handed: Collected['handed']
  /** Nothing is sealed to it after this time until it was verified again. */
  readonly validUntil: UnixSeconds
}

export interface VerifyDeps extends HttpDeps {
  readonly origin: string
  readonly clock: Clock
  readonly random: Random
  readonly allowlist: AllowlistReader
  readonly collateral: CollateralSource
  readonly collateralSettings: CollateralSettings
  /** Collateral at hand before anybody is asked. */
  readonly given: Collateral
  /** How long after its vendor signed it the gateway's copy is taken, where the vendor does not answer (M8). */
  readonly maxHandedSeconds: number
  /** Undefined: the pinned roots. */
  readonly anchors: TrustAnchors | undefined
  readonly allowSimulated: boolean
  readonly policy: Partial<Pick<Policy, 'gpu' | 'sev' | 'tdx' | 'nvidia'>>
}

const NONCE_BYTES = 32
const MAX_BUNDLE_AGE_SECONDS = 7 * 86_400

/**
 * Verifies one runner from nothing but its hardware's word:
 * 1. the session document is the one that its id names  2. a fresh quote over a nonce of our own vouches for the
 * same keyset  3. the evidence is genuine, current, allowed, and for this model, payee and these GPUs
 * 4. simulated evidence was asked for
 * @throws ClientError
 */
export async function verifyRunner(
  deps: VerifyDeps,
  candidate: Candidate,
): Promise<VerifiedRunner> {
  const promised = await fetchSession(deps, candidate)
  const nonce = hex(deps.random(NONCE_BYTES))
  const report = await fetchReport(deps, candidate, nonce)
  const keyset = report.attestation.workload_keyset
  const subject = checkKeyset(deps, { report, promised, candidate })
  checkVersion(candidate, report)
  const { verdict, readAt, handed } = await judge(deps, { candidate, report, subject, nonce })
  if (verdict.status === 'refused') {
    const [failure] = failures(verdict.checks)
    const named = failure === undefined ? verdict.code : `${failure.id} (${failure.code})`
    throw new ClientError('evidence_refused', `Runner ${candidate.id} failed ${named}`)
  }
  if (verdict.status === 'simulated' && !deps.allowSimulated) {
    throw new ClientError('simulated_refused', `Runner ${candidate.id} shows simulated evidence`)
  }
  const { suite, publicKey } = preferredSealingKey(keyset)
  const { id, sessionId } = candidate
  const { status, claims, attested, checks } = verdict
  // A revocation that came after the reading is seen when the reading has aged out (C4).
  const listedUntil = readAt + DEFAULT_POLICY.maxAllowlistAgeSeconds
  const validUntil = unixSeconds(Math.min(verdict.validUntil, keyset.not_after, listedUntil))
  return {
    ...{ id, sessionId, candidate, status, subject, keyset, suite },
    ...{ sealingKey: publicKey, claims, attested, checks, handed, validUntil },
  }
}

/** @returns the keyset of the session that the candidate names */
async function fetchSession(deps: VerifyDeps, { sessionId, id }: Candidate): Promise<Keyset> {
  const document = await getJson(deps, `${deps.origin}/v1/aci/sessions/${sessionId}`)
  const mismatch = (cause?: unknown): ClientError =>
    new ClientError('session_mismatch', `The session of runner ${id} is not the one named`, {
      cause,
    })
  try {
    if (contentAddress(document) !== sessionId) throw mismatch()
    return parseKeyset(member(document, 'workload_keyset'), 'workload_keyset')
  } catch (cause) {
    throw cause instanceof ClientError ? cause : mismatch(cause)
  }
}

async function fetchReport(deps: VerifyDeps, { id }: Candidate, nonce: string): Promise<Report> {
  const url = `${deps.origin}/runners/${id}/v1/aci/attestation?nonce=${nonce}`
  const answer = await getJson(deps, url)
  try {
    return parseReport(answer, 'report')
  } catch (cause) {
    throw new ClientError('keyset_mismatch', `Runner ${id} gave no attestation report`, { cause })
  }
}

/** The report's keys are those of the session, alive, and the subject is what was offered. */
function checkKeyset(
  deps: VerifyDeps,
  given: { readonly report: Report; readonly promised: Keyset; readonly candidate: Candidate },
): Subject {
  const { report, promised, candidate } = given
  const keyset = report.attestation.workload_keyset
  const digest = keysetDigest(keyset)
  if (digest !== keysetDigest(promised) || digest !== report.workload_keyset_digest) {
    throw new ClientError('keyset_mismatch', `Runner ${candidate.id} shows keys of no session`)
  }
  if (keysetLife(keyset, toSeconds(deps.clock())) !== 'alive') {
    throw new ClientError('keyset_expired', `The keys of runner ${candidate.id} are out of time`)
  }
  const subject = parsedSubject(keyset, candidate)
  if (subject.model !== candidate.model) {
    throw new ClientError('keyset_mismatch', `Runner ${candidate.id} attests another model`)
  }
  return subject
}

/** Nothing is sealed in a version that the runner could not open. */
function checkVersion({ id }: Candidate, report: Report): void {
  try {
    agreeVersion(report)
  } catch (cause) {
    throw new ClientError('version_unsupported', `Runner ${id} speaks no common version`, { cause })
  }
}

function parsedSubject(keyset: Keyset, { id }: Candidate): Subject {
  try {
    return parseSubject(keyset.subject)
  } catch (cause) {
    throw new ClientError('keyset_mismatch', `Runner ${id} names no subject`, { cause })
  }
}

async function judge(
  deps: VerifyDeps,
  given: {
    readonly candidate: Candidate
    readonly report: Report
    readonly subject: Subject
    readonly nonce: string
  },
) {
  const { report, subject, nonce, candidate } = given
  const { evidence, workload_keyset: keyset } = report.attestation
  const [{ collateral, handed }, { allowlist, minVersion }] = await Promise.all([
    gather(deps, candidate, evidence),
    deps.allowlist(),
  ])
  const verdict = await verifyEvidence({
    evidence,
    collateral,
    now: toSeconds(deps.clock()),
    ...(deps.anchors === undefined ? {} : { anchors: deps.anchors }),
    expected: expectedOf({ keyset, subject, nonce }),
    policy: { ...DEFAULT_POLICY, ...deps.policy, allowlist, minAllowlistVersion: minVersion },
  })
  return { verdict, readAt: allowlist.readAt, handed }
}

/** Vendors' certificates and lists: from the vendors themselves, else what the gateway bundled. All of it is signed. */
async function gather(deps: VerifyDeps, candidate: Candidate, evidence: unknown) {
  let parsed: ReturnType<typeof parseEvidence>
  try {
    parsed = parseEvidence(evidence)
  } catch (cause) {
    const what = `The evidence of runner ${candidate.id} is malformed`
    throw new ClientError('evidence_refused', what, { cause })
  }
  const handed = {
    collateral: await bundled(deps, candidate),
    maxAgeSeconds: deps.maxHandedSeconds,
  }
  const next = (have: Collateral) => collateralRequests(parsed, have, deps.collateralSettings)
  return deps.collateral.collect(next, deps.given, handed)
}

async function bundled(deps: VerifyDeps, { sessionId }: Candidate): Promise<Collateral> {
  try {
    const json = await getJson(deps, `${deps.origin}/v1/aci/sessions/${sessionId}/collateral`)
    const now = toSeconds(deps.clock())
    return parseBundle(json, { now, maxAgeSeconds: MAX_BUNDLE_AGE_SECONDS }).collateral
  } catch {
    // No bundle, or not a good one: the vendors are asked.
    return NO_COLLATERAL
  }
}
