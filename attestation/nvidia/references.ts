import type { UnixSeconds } from '#base/brand.ts'
import type { Bytes } from '#base/bytes.ts'
import { anchorCertificate } from '../anchors.ts'
import type { Checklist } from '../checks.ts'
import type { Collateral } from '../collateral/entry.ts'
import { type VerifiedChain, verifyChain } from '../der/chain.ts'
import { AttestationError, demand } from '../errors.ts'
import type { NVIDIA_CHECKS } from './checks.ts'
import type { DeviceIdentity } from './device.ts'
import type { NvidiaDeviceEvidence } from './evidence.ts'
import { type RevocationSubject, subjectsOf } from './revocation/subjects.ts'
import { type Comparison, compareMeasurements, conflictingIndices } from './rim/compare.ts'
import { type RimReference, rimReferences } from './rim/ids.ts'
import { parseRimManifest, type RimManifest } from './rim/manifest.ts'
import { openRimAnswer } from './rim/service.ts'
import { verifyXmlSignature } from './rim/signature.ts'

/** How one device compares with NVIDIA's reference values. */
export interface ReferenceFacts {
  /** Undefined when the manifest is not at hand, or the device has no driver of its own (switches). */
  readonly driver: Comparison | undefined
  readonly vbios: Comparison | undefined
  /** Ids of the manifests that the device needs and that are not at hand. */
  readonly missing: readonly RimReference[]
  /** Indices that both manifests claim. */
  readonly conflicts: readonly number[]
}

export interface JudgedDevice {
  readonly identity: DeviceIdentity
  readonly device: NvidiaDeviceEvidence
  readonly judged: boolean
}

interface Context {
  readonly collateral: Collateral
  readonly now: UnixSeconds
  readonly roots: readonly Bytes[]
  readonly list: Checklist<typeof NVIDIA_CHECKS>
}

/** A manifest that some device needs, with whoever it must fit. */
interface Needed {
  readonly reference: RimReference
  readonly identity: DeviceIdentity
  readonly chipInfo: string | undefined
}

interface OpenedRim extends Needed {
  readonly manifest: RimManifest
}

const EDITIONS = { gpu: 'GPU', switch: 'SWITCH' } as const
const SIGNER_ALGORITHMS = ['ecdsa-sha384'] as const

export function rimName(id: string): string {
  return `nvidia/rim/${id}`
}

/**
 * Proves the manifests that the judged devices name, each once however many devices share it:
 * 1. open the service's answers and parse the documents; 2. verify their signers' chains, 3. their signatures, and
 * 4. that they are for this version and product; then compare every device with its manifests.
 */
export async function proveReferences(
  devices: readonly JudgedDevice[],
  context: Context,
): Promise<{ facts: (ReferenceFacts | undefined)[]; subjects: RevocationSubject[] }> {
  const { list } = context
  const judged = devices.filter((entry) => entry.judged)
  if (judged.length === 0) {
    for (const id of RIM_STEPS) list.skip(id, 'the attestation service judged the measurements')
    return { facts: devices.map(() => undefined), subjects: [] }
  }
  const opened = await list.step(
    'rim.document',
    () => openManifests(judged, context.collateral),
    ({ size }) => (size === 0 ? NONE : undefined),
  )
  const paths = await proveManifests([...opened.values()], context)
  const facts = devices.map((entry) => (entry.judged ? compare(entry, opened) : undefined))
  return { facts, subjects: paths.flatMap(subjectsOf) }
}

const NONE = 'no manifest is at hand'

async function proveManifests(
  rims: readonly OpenedRim[],
  context: Context,
): Promise<readonly VerifiedChain[]> {
  const { list } = context
  if (rims.length === 0) {
    for (const id of RIM_PROOFS) list.skip(id, NONE)
    return []
  }
  const paths = await proveSigners(rims, context)
  await list.step('rim.identity', () => eachRim(rims, checkIdentity))
  return paths
}

const RIM_PROOFS = ['rim.chain', 'rim.signature', 'rim.identity'] as const
const RIM_STEPS = ['rim.document', ...RIM_PROOFS] as const

async function openManifests(
  devices: readonly JudgedDevice[],
  collateral: Collateral,
): Promise<ReadonlyMap<string, OpenedRim>> {
  const needed = new Map(devices.flatMap(neededRims).map((need) => [need.reference.id, need]))
  const opened = new Map<string, OpenedRim>()
  for (const [id, need] of needed) {
    const entry = collateral.get(rimName(id))
    if (entry === undefined) continue
    const xml = await openRimAnswer(entry.body, id)
    opened.set(id, { ...need, manifest: parseRimManifest(xml) })
  }
  return opened
}

function neededRims({ identity, device }: JudgedDevice): Needed[] {
  const { opaque } = device.transcript
  return rimReferences(identity, opaque).map((reference) => {
    return { reference, identity, chipInfo: opaque.chipInfo }
  })
}

async function proveSigners(
  rims: readonly OpenedRim[],
  { roots, now, list }: Context,
): Promise<VerifiedChain[]> {
  const anchors = roots.map(anchorCertificate)
  const options = { anchors, now, algorithms: SIGNER_ALGORITHMS, leaf: 'end-entity' } as const
  const paths = await list.step('rim.chain', () =>
    eachRim(rims, ({ manifest }) => asRimChain(verifyChain(manifest.signature.chain, options))),
  )
  for (const { validUntil } of paths) list.bound(validUntil)
  await list.step('rim.signature', () =>
    eachRim(rims, ({ manifest }) => verifyXmlSignature(manifest.root, manifest.signature)),
  )
  return paths
}

/** A signer's chain that links to no pinned root is its own class; dates keep theirs. */
async function asRimChain(chain: Promise<VerifiedChain>): Promise<VerifiedChain> {
  try {
    return await chain
  } catch (cause) {
    if (!(cause instanceof AttestationError)) throw cause
    const untrusted = cause.code === 'chain' || cause.code === 'untrusted-root'
    throw untrusted ? new AttestationError('rim-chain', cause.message, { cause }) : cause
  }
}

function checkIdentity({ manifest, reference, identity, chipInfo }: OpenedRim): void {
  const { version, product, edition } = manifest
  const same = version.toUpperCase() === reference.version.toUpperCase()
  demand(same, 'rim-mismatch', `manifest is for version ${version}, not ${reference.version}`)
  const products = [identity.chip.replace('_', ''), chipInfo]
  demand(products.includes(product), 'rim-mismatch', `manifest is for product ${product}`)
  const fits = edition === EDITIONS[identity.kind]
  demand(fits, 'rim-mismatch', `manifest is of edition ${edition}`)
}

async function eachRim<T>(
  rims: readonly OpenedRim[],
  run: (rim: OpenedRim) => T | Promise<T>,
): Promise<T[]> {
  const results: T[] = []
  for (const rim of rims) {
    try {
      results.push(await run(rim))
    } catch (cause) {
      if (!(cause instanceof AttestationError)) throw cause
      throw new AttestationError(cause.code, `${rim.reference.id}: ${cause.message}`, { cause })
    }
  }
  return results
}

function compare(
  { identity, device: { transcript } }: JudgedDevice,
  opened: ReadonlyMap<string, OpenedRim>,
): ReferenceFacts {
  const references = rimReferences(identity, transcript.opaque)
  const active = (kind: RimReference['kind']) => {
    const reference = references.find((entry) => entry.kind === kind)
    return reference && opened.get(reference.id)?.manifest.active
  }
  const driver = active('driver')
  const vbios = active('vbios')
  return {
    driver: driver && compareMeasurements(transcript, driver),
    vbios: vbios && compareMeasurements(transcript, vbios),
    missing: references.filter(({ id }) => !opened.has(id)),
    conflicts: conflictingIndices(driver ?? [], vbios ?? []),
  }
}
