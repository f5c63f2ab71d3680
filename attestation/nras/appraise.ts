import type { UnixSeconds } from '#base/brand.ts'
import { type Check, Checklist } from '../checks.ts'
import type { JsonObject } from '../fields.ts'
import { NRAS_CHECKS } from './checks.ts'
import { badClaims, CLAIMS_VERSIONS, textClaim } from './claims.ts'
import type { NrasPolicy } from './policy.ts'
import type { NrasFacts } from './prove.ts'

/** A GPU as its own, locally verified evidence identifies it. */
export interface EvidenceGpu {
  readonly ueid: string
  /** "GH100" */
  readonly chip: string
  readonly driver: string
  readonly vbios: string
}

/**
 * Holds a proven answer against a policy and the GPUs that it must be about, in order.
 * @param gpus undefined in place of a GPU whose evidence is not at hand: then only the count is held against it
 */
export function appraiseNras(
  facts: NrasFacts,
  policy: NrasPolicy,
  { now, gpus }: { readonly now: UnixSeconds; readonly gpus: readonly (EvidenceGpu | undefined)[] },
): readonly Check[] {
  const list = new Checklist(NRAS_CHECKS)
  const age = now - facts.issuedAt
  const limit = policy.maxAgeSeconds
  list.judge('nras.age', age <= limit, 'token-expired', `issued ${age} s ago, at most ${limit} s`)
  judgeProvenance(list, facts, policy)
  judgeClaims(list, facts, policy, now)
  const fault = deviceFault(facts.devices, gpus)
  list.judge('nras.devices', fault === undefined, 'token-claims', fault ?? '')
  return list.checks
}

type List = Checklist<typeof NRAS_CHECKS>

function judgeProvenance(list: List, { keyProvenance }: NrasFacts, policy: NrasPolicy): void {
  if (policy.keyProvenance === 'unchecked') {
    list.skip('nras.key-provenance', 'the policy trusts the key set alone')
    return
  }
  const certified = keyProvenance !== 'key-set'
  list.judge('nras.key-provenance', certified, 'token-key', 'the signing key has no certificate')
}

function judgeClaims(list: List, facts: NrasFacts, policy: NrasPolicy, now: UnixSeconds): void {
  const { overall, devices } = facts
  const named = overall['x-nvidia-ver']
  const version = CLAIMS_VERSIONS.find((known) => known === named)
  // The boolean itself: the string "true" is not a result.
  const good = overall['x-nvidia-overall-att-result'] === true && version !== undefined
  const why = version === undefined ? 'unknown claims version' : 'overall result is not true'
  list.judge('nras.result', good, 'token-claims', why)
  const bad = devices.flatMap(({ name, claims }) =>
    version === undefined ? [] : badClaims(claims, version, now).map((claim) => `${name} ${claim}`),
  )
  if (version === undefined) list.skip('nras.claims', 'claims of an unknown version')
  else list.judge('nras.claims', bad.length === 0, 'token-claims', bad.join(', '))
  const warned = devices.filter(({ claims }) => !isTolerated(claims, policy))
  const names = warned.map(({ name }) => name).join(', ')
  list.judge('nras.warning', warned.length === 0, 'token-claims', `warnings about ${names}`)
}

function isTolerated(claims: JsonObject, { toleratedWarnings }: NrasPolicy): boolean {
  const warning = claims['x-nvidia-attestation-warning'] ?? null
  return warning === null || (typeof warning === 'string' && toleratedWarnings.includes(warning))
}

function deviceFault(
  devices: NrasFacts['devices'],
  gpus: readonly (EvidenceGpu | undefined)[],
): string | undefined {
  if (devices.length !== gpus.length) return `${devices.length} tokens for ${gpus.length} GPUs`
  const ueids = new Set(devices.map(({ claims }) => textClaim(claims, 'ueid')))
  if (ueids.has(undefined) || ueids.size !== devices.length)
    return 'tokens do not name distinct GPUs'
  for (const [i, { name, claims }] of devices.entries()) {
    const gpu = gpus[i]
    if (gpu === undefined) continue
    const wrong = differences(claims, gpu)
    if (wrong.length > 0) return `${name} differs from the evidence: ${wrong.join(', ')}`
  }
  return undefined
}

function differences(claims: JsonObject, gpu: EvidenceGpu): readonly string[] {
  const model = textClaim(claims, 'hwmodel') ?? ''
  const pairs: readonly (readonly [string, boolean])[] = [
    ['ueid', textClaim(claims, 'ueid') === gpu.ueid],
    // The service names the chip alone or the chip's boot ROM.
    ['hwmodel', model === gpu.chip || model.startsWith(`${gpu.chip} `)],
    ['driver', textClaim(claims, 'x-nvidia-gpu-driver-version') === gpu.driver],
    ['vbios', textClaim(claims, 'x-nvidia-gpu-vbios-version')?.toUpperCase() === gpu.vbios],
  ]
  return pairs.filter(([, same]) => !same).map(([name]) => name)
}
