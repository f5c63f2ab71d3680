import {
  AttestationError,
  type Collateral,
  type CollateralSettings,
  type CollateralSource,
  collateralRequests,
  DEFAULT_POLICY,
  encodeBundle,
  failures,
  type Policy,
  previewEvidence,
  type TrustAnchors,
  type Verdict,
  verifyEvidence,
} from '#attestation'
import { type Clock, toSeconds, type UnixSeconds } from '#base/brand.ts'
import { hex } from '#base/bytes.ts'
import { gpuNonce, type Keyset, reportData, type Subject } from '#protocol'
import { ApiError } from '../errors.ts'
import type { AllowlistSource } from './allowlist-source.ts'

export interface JudgeDeps {
  readonly allowlist: AllowlistSource
  readonly collateral: CollateralSource
  readonly collateralSettings: CollateralSettings
  /** Development only (H17): other roots than the pinned ones, which make every verdict `simulated`. */
  readonly anchors: TrustAnchors | undefined
  /** Development only: collateral that no vendor serves. */
  readonly givenCollateral: Collateral
  readonly gpu: Policy['gpu']
  readonly clock: Clock
}

/** What is judged, and what the gateway itself computed that it must be. */
export interface Exhibit {
  readonly evidence: unknown
  readonly keyset: Keyset
  readonly keysetDigest: string
  /** Undefined for a service that runs no model: a gateway. */
  readonly subject: Subject | undefined
  /** Nonce of the quote: the registration's challenge. */
  readonly nonce: string
}

export type Accepted = Exclude<Verdict, { status: 'refused' }>

export interface Judgement {
  readonly verdict: Accepted
  readonly collateral: Collateral
  readonly registryVersion: number
}

/**
 * Judges a runner's evidence under the policy of the moment.
 * 1. the allowlist  2. what the evidence claims: image and report data, before anything is fetched for it (M7)
 * 3. collateral  4. the verdict
 * @throws ApiError `evidence_refused`, naming the failed check
 */
export async function judgeEvidence(deps: JudgeDeps, exhibit: Exhibit): Promise<Judgement> {
  const allowlist = await deps.allowlist.current()
  const expectedData = reportData(exhibit.keysetDigest, exhibit.nonce)
  const preview = await previewEvidence(exhibit.evidence).catch((cause) => {
    const code = cause instanceof AttestationError ? cause.code : 'parse'
    throw refusedBy([{ id: 'evidence.form', code }])
  })
  if (preview.reportData !== hex(expectedData)) {
    throw refusedBy([{ id: 'evidence.report-data', code: 'report-data-mismatch' }])
  }
  if (!allowlist.images.has(preview.imageHash)) {
    throw refusedBy([{ id: 'evidence.image', code: 'measurement-mismatch' }])
  }
  const { evidence } = preview
  const { collateral } = await deps.collateral.collect(
    (have) => collateralRequests(evidence, have, deps.collateralSettings),
    deps.givenCollateral,
  )
  const { subject } = exhibit
  const verdict = await verifyEvidence({
    evidence: exhibit.evidence,
    collateral,
    now: toSeconds(deps.clock()),
    ...(deps.anchors === undefined ? {} : { anchors: deps.anchors }),
    expected: {
      reportData: expectedData,
      model: subject === undefined ? undefined : { id: subject.model, weights: subject.weights },
      gpuNonce: gpuNonce(exhibit.keyset),
      gpuDigest: subject === undefined || subject.gpu === 'none' ? undefined : subject.gpu,
    },
    policy: {
      ...DEFAULT_POLICY,
      allowlist,
      minAllowlistVersion: deps.allowlist.minVersion(),
      gpu: deps.gpu,
      ...(subject === undefined ? { models: 'any' as const } : {}),
    },
  })
  if (verdict.status === 'refused') throw refusedBy(failures(verdict.checks))
  return { verdict, collateral, registryVersion: allowlist.version }
}

function refusedBy(checks: readonly { readonly id: string; readonly code: string }[]): ApiError {
  const named = checks.map(({ id, code }) => ({ id, code }))
  const [first] = named
  return new ApiError(
    'evidence_refused',
    `The evidence is refused: ${first?.id ?? 'unknown'} (${first?.code ?? 'internal'})`,
    { param: first?.id ?? 'evidence', extra: { checks: named } },
  )
}

/** The collateral that a judgement relied on, as a bundle: whoever has it can judge again offline. */
export function bundleOf({ collateral }: Judgement, created: UnixSeconds): string {
  return JSON.stringify(encodeBundle({ created, collateral }))
}
