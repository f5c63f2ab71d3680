import {
  AttestationError,
  type Attested,
  type Claims,
  type Collateral,
  collateralRequests,
  createCollateralSource,
  DEFAULT_POLICY,
  defaultCollateralSettings,
  type Evidence,
  type Expected,
  gpuEvidenceDigest,
  parseBundle,
  previewEvidence,
  type Verdict,
  verifyEvidence,
} from '#attestation'
import { toSeconds, type UnixSeconds } from '#base/brand.ts'
import { type Bytes, fromHex } from '#base/bytes.ts'
import {
  type AllowlistStatement,
  createAllowlistReader,
  PINNED_REGISTRY,
  parseSimulation,
  type Simulation,
} from '#client'
import { type Exhibit, expectedOf, type ShownCheck } from '#client/documents'
import { diskStore } from '#gateway/node/disk-store.ts'
import { UsageError } from '../command.ts'
import type { Call } from './ask.ts'
import { cacheFolder } from './cache-folder.ts'
import type { VerifyOptions } from './options.ts'
import {
  type Allowed,
  freshnessRelabels,
  honestClaims,
  imagePolicy,
  imageRelabels,
  type Relabels,
  relabelled,
} from './pins.ts'
import { readJsonFile } from './sources.ts'

export interface Judgement {
  readonly status: Verdict['status']
  readonly checks: readonly ShownCheck[]
  /** Only when it is not refused. */
  readonly claims: Claims | undefined
  /** What the hardware's evidence proves; undefined when that itself was refused. */
  readonly attested: Attested | undefined
  readonly validUntil: UnixSeconds | undefined
  readonly allowlist: AllowlistStatement | undefined
  readonly allowed: Allowed['kind']
  readonly collateral: Collateral
  readonly missing: readonly { readonly name: string; readonly code: string }[]
}

const MAX_BUNDLE_AGE_SECONDS = 7 * 86_400

/**
 * The verdict on an exhibit: 1. what is allowed  2. what the evidence must say  3. collateral, from bundle, cache and
 * vendors  4. the verifier's verdict  5. which of its passes compared with nothing but the evidence's own word
 * @throws UsageError, ClientError when the Registry cannot be read
 */
export async function judgeExhibit(call: Call, exhibit: Exhibit): Promise<Judgement> {
  const { deps, options } = call
  const now = toSeconds(deps.clock())
  const simulation = await readSimulation(call, now)
  const { allowed, statement } = await readAllowed(call)
  const preview = await previewOf(exhibit)
  const { expected, relabels } = await expectation(exhibit, preview, options)
  const { collateral, missing } = await gather(call, preview?.evidence, { simulation, now })
  const namesModel = exhibit.subject !== undefined
  const image = preview?.imageHash ?? ''
  const verdict = await verifyEvidence({
    evidence: exhibit.evidence,
    collateral,
    now,
    ...(simulation === undefined ? {} : { anchors: simulation.anchors }),
    expected,
    policy: {
      ...DEFAULT_POLICY,
      ...imagePolicy(allowed, { image, now, namesModel }),
      gpu: { ...DEFAULT_POLICY.gpu, presence: options.noGpu ? 'optional' : 'required' },
    },
  })
  const checks = [
    ...exhibit.checks,
    ...relabelled(verdict.checks, new Map([...imageRelabels(allowed), ...relabels])),
  ]
  return {
    ...concluded(verdict, checks, { allowed, bare: exhibit.keyset === undefined }),
    allowlist: statement,
    allowed: allowed.kind,
    collateral,
    missing,
  }
}

function concluded(
  verdict: Verdict,
  checks: readonly ShownCheck[],
  known: { readonly allowed: Allowed; readonly bare: boolean },
) {
  const refused = verdict.status === 'refused' || checks.some(({ status }) => status === 'fail')
  if (verdict.status === 'refused') {
    const nothing = { claims: undefined, attested: undefined, validUntil: undefined }
    return { status: verdict.status, checks, ...nothing }
  }
  const { attested, validUntil, claims } = verdict
  return refused
    ? { status: 'refused' as const, checks, claims: undefined, attested, validUntil: undefined }
    : {
        status: verdict.status,
        checks,
        claims: honestClaims(claims, known),
        attested,
        validUntil,
      }
}

async function readSimulation(
  { io, options }: Call,
  now: UnixSeconds,
): Promise<Simulation | undefined> {
  if (options.simulation === undefined) return undefined
  return parseSimulation(await readJsonFile(io.cwd, options.simulation), now)
}

async function readAllowed({ deps, options }: Call): Promise<{
  readonly allowed: Allowed
  readonly statement: AllowlistStatement | undefined
}> {
  const { endpoints, images, anyImage } = options
  if (endpoints.length > 0) {
    const address = options.registry ?? PINNED_REGISTRY.address
    if (address === undefined) {
      throw new UsageError('--registry ADDRESS is missing: this release pins none')
    }
    const pin = { address, codeHash: PINNED_REGISTRY.codeHash }
    const read = createAllowlistReader(
      { fetch: deps.fetch, clock: deps.clock },
      { kind: 'registry', pin, endpoints, minVersion: 0 },
    )
    const { allowlist, minVersion, statement } = await read()
    return { allowed: { kind: 'registry', allowlist, minVersion }, statement }
  }
  if (images.length > 0) return { allowed: { kind: 'images', images }, statement: undefined }
  return { allowed: { kind: anyImage ? 'any' : 'none' }, statement: undefined }
}

interface Preview {
  readonly evidence: Evidence
  readonly imageHash: string
  readonly reportData: string
}

/** Undefined for malformed evidence: the verdict names what is wrong with it. */
async function previewOf({ evidence }: Exhibit): Promise<Preview | undefined> {
  try {
    return await previewEvidence(evidence)
  } catch (cause) {
    if (cause instanceof AttestationError) return undefined
    throw cause
  }
}

/** From the keyset and the nonce; for bare evidence from the user, or else from the evidence's own claims. */
async function expectation(
  { keyset, subject, nonce }: Exhibit,
  preview: Preview | undefined,
  options: VerifyOptions,
): Promise<{ readonly expected: Expected; readonly relabels: Relabels }> {
  if (keyset !== undefined) {
    const expected = expectedOf({ keyset, subject, nonce })
    return { expected, relabels: new Map() }
  }
  const gpu = preview?.evidence.gpu
  const claimed = gpu === undefined ? new Uint8Array(NONCE_BYTES) : claimedNonce(gpu)
  const { reportData: data, gpuNonce: asked, anyNonce } = options
  const known = { reportData: data !== undefined, gpuNonce: asked !== undefined }
  const expected = {
    reportData: fromHex(data ?? preview?.reportData ?? ''),
    model: undefined,
    gpuNonce: asked === undefined ? claimed : fromHex(asked),
    gpuDigest: anyNonce && gpu !== undefined ? await gpuEvidenceDigest(gpu.devices) : undefined,
  }
  return { expected, relabels: freshnessRelabels(known, anyNonce) }
}

const NONCE_BYTES = 32
/** Offset of the nonce in an SPDM request, which each device's evidence begins with. @see DMTF DSP0274 10.11 */
const SPDM_NONCE_AT = 4

/** The nonce inside the first device's own evidence; zeros where there is none. */
function claimedNonce({ devices }: NonNullable<Evidence['gpu']>): Bytes {
  const nonce = devices[0]?.evidence.slice(SPDM_NONCE_AT, SPDM_NONCE_AT + NONCE_BYTES)
  return nonce?.length === NONCE_BYTES ? nonce : new Uint8Array(NONCE_BYTES)
}

async function gather(
  { io, deps, options }: Call,
  evidence: Evidence | undefined,
  given: { readonly simulation: Simulation | undefined; readonly now: UnixSeconds },
): Promise<Pick<Judgement, 'collateral' | 'missing'>> {
  const bundled =
    options.bundle === undefined
      ? undefined
      : readBundle(await readJsonFile(io.cwd, options.bundle), given.now)
  const have = new Map([...(given.simulation?.collateral ?? []), ...(bundled ?? [])])
  if (bundled !== undefined || evidence === undefined) return { collateral: have, missing: [] }
  const defaults = defaultCollateralSettings(deps.random)
  const settings = { ...defaults, intel: { ...defaults.intel, early: options.early } }
  const refreshing: Promise<void>[] = []
  const source = createCollateralSource(settings, {
    fetch: deps.fetch,
    clock: deps.clock,
    store: diskStore(cacheFolder(io), deps.clock),
    background: (work) => void refreshing.push(work),
  })
  const next = (known: Collateral) => collateralRequests(evidence, known, settings)
  const collected = await source.collect(next, have)
  await Promise.all(refreshing)
  return collected
}

function readBundle(json: unknown, now: UnixSeconds): Collateral {
  try {
    return parseBundle(json, { now, maxAgeSeconds: MAX_BUNDLE_AGE_SECONDS }).collateral
  } catch (cause) {
    if (!(cause instanceof AttestationError)) throw cause
    throw new UsageError(`the bundle cannot be used: ${cause.message}`, { cause })
  }
}
