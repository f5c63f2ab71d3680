/** Evidence, collateral, `now` and anchors in; facts and a verdict out. The only file that others import. */

export { allowlistOf, type RegistryReading } from './allowlist.ts'
export {
  anchorCertificate,
  type SevProduct,
  type SevRoot,
  type TrustAnchors,
} from './anchors.ts'
export { COMMON_CHECKS, type Expected } from './appraise.ts'
export { type Check, Checklist, type CheckTable, type Proof, prove } from './checks.ts'
export { FAILURES, type FailureCode } from './codes.ts'
export { type Bundle, encodeBundle, parseBundle } from './collateral/bundle.ts'
export {
  type Collateral,
  type CollateralEntry,
  type CollateralRequest,
  NO_COLLATERAL,
} from './collateral/entry.ts'
export {
  type CollateralSettings,
  collateralRequests,
  defaultCollateralSettings,
} from './collateral/requests.ts'
export {
  type CollateralSource,
  type Collected,
  createCollateralSource,
  type SourceDeps,
} from './collateral/source.ts'
export { type CollateralStore, memoryStore } from './collateral/store.ts'
export {
  runVectors,
  totalOf,
  type VectorOutcome,
  type VectorTotals,
} from './conformance/run.ts'
export { AttestationError } from './errors.ts'
export { type Evidence, parseEvidence } from './evidence.ts'
export {
  gpuEvidenceDigest,
  type ImagePreimage,
  imageHash,
  imagePreimage,
  modelHash,
  platformHash,
} from './hashes.ts'
export { NRAS_CHECKS } from './nras/checks.ts'
export { DEFAULT_NRAS_POLICY, type NrasPolicy } from './nras/policy.ts'
export { NVIDIA_CHECKS } from './nvidia/checks.ts'
export { DEFAULT_NVIDIA_POLICY, type NvidiaPolicy } from './nvidia/policy.ts'
export { type GpuInput, type GpuOutcome, verifyGpus } from './nvidia/verify-gpus.ts'
export {
  type AllowedImage,
  type Allowlist,
  DEFAULT_POLICY,
  EMPTY_ALLOWLIST,
  IMAGE_META,
  type Policy,
} from './policy.ts'
export { PINNED_ANCHORS } from './roots.ts'
export { appraiseSev } from './sev/appraise.ts'
export { SEV_CHECKS } from './sev/checks.ts'
export { parseSevEvidence, type SevEvidence } from './sev/evidence.ts'
export { DEFAULT_SEV_POLICY, type SevPolicy } from './sev/policy.ts'
export { proveSev, type SevFacts } from './sev/prove.ts'
export { parseSnpReport, type SnpReport } from './sev/report.ts'
export { AMD_ROOTS } from './sev/roots.ts'
export type { SevTcb } from './sev/tcb.ts'
export type { VekKind } from './sev/vek.ts'
export { parseSimulation, type Simulation, simulationJson } from './simulation.ts'
export { appraiseTdx } from './tdx/appraise.ts'
export { TDX_CHECKS } from './tdx/checks.ts'
export { parseTdxEvidence, type TdxEvidence } from './tdx/evidence.ts'
export { DEFAULT_TDX_POLICY, type TdxPolicy } from './tdx/policy.ts'
export { preflightTdx, type TcbOutlook, type TcbWarning } from './tdx/preflight.ts'
export { proveTdx, type TdxFacts } from './tdx/prove.ts'
export { INTEL_ROOTS } from './tdx/roots.ts'
export type { TcbStatus } from './tdx/tcb-status.ts'
export type { Attested, Claim, Claims, GpuBinding, Verdict } from './verdict.ts'
export { failures, previewEvidence, type VerifyInput, verifyEvidence } from './verify.ts'
