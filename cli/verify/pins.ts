import { type Allowlist, type Check, type Claims, EMPTY_ALLOWLIST, type Policy } from '#attestation'
import type { UnixSeconds } from '#base/brand.ts'
import type { ShownCheck } from '#client/documents'

/** Where the demands on image, model and machine come from. */
export type Allowed =
  | { readonly kind: 'registry'; readonly allowlist: Allowlist; readonly minVersion: number }
  | { readonly kind: 'images'; readonly images: readonly string[] }
  | { readonly kind: 'any' }
  | { readonly kind: 'none' }

/** How a pass of the verifier reads when what it compared with was the evidence's own word. */
type Relabel = (check: Check & { readonly status: 'pass' }) => ShownCheck
export type Relabels = ReadonlyMap<string, Relabel>

const NO_REGISTRY = 'no Registry was read'
const PIN_REMEDY =
  'Give --registry ADDRESS --endpoint URL, or --image HASH; --any-image accepts whatever runs.'
const FRESH_REMEDY = 'Give --report-data HEX, or --any-nonce to accept evidence of any age.'

/** The verifier's policy for what is allowed, with the claimed image taken in where nothing pins one. */
export function imagePolicy(
  allowed: Allowed,
  claimed: { readonly image: string; readonly now: UnixSeconds; readonly namesModel: boolean },
): Pick<Policy, 'allowlist' | 'minAllowlistVersion' | 'models'> {
  if (allowed.kind === 'registry') {
    const { allowlist, minVersion } = allowed
    // A service that is no runner has no model of which a pair could be listed.
    const models = claimed.namesModel ? 'listed' : 'any'
    return { allowlist, minAllowlistVersion: minVersion, models }
  }
  const images = allowed.kind === 'images' ? allowed.images : [claimed.image]
  const plain = { enforcesWeights: false, enforcesGpu: false }
  return {
    allowlist: {
      ...EMPTY_ALLOWLIST,
      readAt: claimed.now,
      images: new Map(images.map((hash) => [hash, plain])),
    },
    minAllowlistVersion: 0,
    models: 'any',
  }
}

export function imageRelabels({ kind }: Allowed): Relabels {
  if (kind === 'registry') return new Map()
  const relabels = new Map<string, Relabel>(
    ['evidence.image-denied', 'evidence.platform-denied', 'allowlist.age', 'allowlist.version'].map(
      (id) => [id, skipped(NO_REGISTRY)],
    ),
  )
  if (kind === 'any') relabels.set('evidence.image', skipped('not pinned: --any-image'))
  if (kind === 'none') {
    relabels.set('evidence.image', failed('not-pinned', 'nothing pins the image', PIN_REMEDY))
  }
  return relabels
}

/** For bare evidence, whose report data and GPU nonce nothing at hand explains. */
export function freshnessRelabels(
  known: { readonly reportData: boolean; readonly gpuNonce: boolean },
  anyNonce: boolean,
): Relabels {
  const unpinned = anyNonce
    ? skipped('compared with nothing: --any-nonce')
    : failed('not-pinned', 'nothing says what it must be', FRESH_REMEDY)
  return new Map([
    ...(known.reportData ? [] : ([['evidence.report-data', unpinned]] as const)),
    ...(known.gpuNonce ? [] : ([['gpu.nonce', unpinned]] as const)),
    ['gpu.binding', skipped('no attested subject names the GPUs')],
  ])
}

export function relabelled(checks: readonly Check[], relabels: Relabels): readonly ShownCheck[] {
  return checks.map((check) => {
    const relabel = relabels.get(check.id)
    return check.status === 'pass' && relabel !== undefined ? relabel(check) : check
  })
}

/** Claims that rest on the allowlist, or on a subject, are not made where nothing was compared with those. */
export function honestClaims(
  claims: Claims,
  known: { readonly allowed: Allowed; readonly bare: boolean },
): Claims {
  const { kind } = known.allowed
  const pinned = kind === 'registry' || kind === 'images'
  const unknown = { status: 'unknown', source: null } as const
  return {
    ...claims,
    ...(pinned ? {} : { os_known_good: unknown, serving_software_known_good: unknown }),
    ...(known.bare ? { gpu_binding: 'none' as const } : {}),
  }
}

function skipped(reason: string): Relabel {
  return ({ id, spec }) => ({ id, spec, status: 'skip', reason })
}

function failed(code: string, detail: string, remedy: string): Relabel {
  return ({ id, spec }) => ({ id, spec, status: 'fail', code, detail, remedy })
}
