import { unixSeconds } from '#base/brand.ts'
import { type Bytes, base64, fromHex, fromUtf8, hex, utf8 } from '#base/bytes.ts'
import { anchorCertificate, type TrustAnchors } from '../anchors.ts'
import type { Collateral, CollateralEntry } from '../collateral/entry.ts'
import type { Certificate } from '../der/certificate.ts'
import { verifyChain } from '../der/chain.ts'
import { parsePemCertificates } from '../der/pem.ts'
import { digestOf } from '../digest.ts'
import { AttestationError, demand } from '../errors.ts'
import { deviceIdentity, verifyDeviceChain } from '../nvidia/device.ts'
import { type NvidiaEvidence, parseNvidiaEvidence } from '../nvidia/evidence.ts'
import { certifiedFwid } from '../nvidia/fwid.ts'
import { DEFAULT_NVIDIA_POLICY, type NvidiaPolicy } from '../nvidia/policy.ts'
import { proveNvidia } from '../nvidia/prove.ts'
import { rimName } from '../nvidia/references.ts'
import { parseOcspResponse } from '../nvidia/revocation/ocsp.ts'
import { ocspName } from '../nvidia/revocation/status.ts'
import { rimReferences } from '../nvidia/rim/ids.ts'
import { parseRimManifest } from '../nvidia/rim/manifest.ts'
import { openRimAnswer } from '../nvidia/rim/service.ts'
import { verifyXmlSignature } from '../nvidia/rim/signature.ts'
import { type GpuInput, verifyGpus } from '../nvidia/verify-gpus.ts'
import { PINNED_ANCHORS } from '../roots.ts'
import { compareFacts, evidenceFacts, rimFacts } from './nvidia-facts.ts'
import { classesOf, judged } from './sev.ts'
import { type VectorInput, type VectorResult, type VectorRunner, VectorSkipped } from './vector.ts'

const SUBJECTS: Readonly<Record<string, VectorRunner>> = Object.assign(Object.create(null), {
  'gpu-evidence': runEvidence,
  'gpu-compare': runEvidence,
  rim: runRim,
  chain: runChain,
} satisfies Record<string, VectorRunner>)

/** Runs an NVIDIA vector through `verifyGpus`, or through the part that its subject names. */
export async function runNvidiaVector(input: VectorInput): Promise<VectorResult> {
  const run = SUBJECTS[input.vector.subject]
  if (run === undefined) throw new VectorSkipped(`subject ${input.vector.subject} has no verdict`)
  return run(input)
}

async function runEvidence(input: VectorInput): Promise<VectorResult> {
  const devices = input.vector.devices.map(({ report, chain }) => {
    return { evidence: input.file(report), certificate: input.file(chain) }
  })
  const bytes = { arch: archOf(input, devices), devices }
  const verification: GpuInput = {
    collateral: await collateralOf(input, bytes),
    now: input.now ?? unixSeconds(0),
    anchors: nvidiaAnchors(input),
    policy: policyOf(input),
    nonce: fromHex(String(input.vector.expect['nonce'])),
  }
  const outcome = await verifyGpus(bytes, verification)
  const classes = classesOf(outcome.checks)
  const facts = await factsOf(bytes, verification)
  return { verdict: classes.length === 0 ? 'valid' : 'invalid', classes, facts }
}

/** The default policy minus the vector's waivers. */
function policyOf(input: VectorInput): NvidiaPolicy {
  const base = DEFAULT_NVIDIA_POLICY
  const waived = (check: string): boolean => input.waived(check)
  return {
    ...base,
    driverFloors: waived('driver-floor') ? 'unchecked' : base.driverFloors,
    fabric: waived('ppcie-fabric') ? 'unchecked' : base.fabric,
    fwid: waived('fwid') ? 'if-present' : base.fwid,
    driverRim: waived('driver-rim') ? 'unchecked' : base.driverRim,
    vbiosRim: waived('vbios-rim') ? 'unchecked' : base.vbiosRim,
    revocation: waived('ocsp') ? 'unchecked' : base.revocation,
    allowTrailingData: waived('trailing-data'),
  }
}

/** The pinned roots, or the vector's test root in the place of all of them. */
function nvidiaAnchors({ anchor }: VectorInput): TrustAnchors {
  if (anchor === undefined) return PINNED_ANCHORS
  const der = anchor[0] === 0x2d ? parsePemCertificates(fromUtf8(anchor), 1)[0]?.raw : anchor
  demand(der !== undefined, 'parse', 'test root is empty')
  return { ...PINNED_ANCHORS, nvidiaDevice: [der], nvidiaRim: [der] }
}

/** The container names the architecture; bare transcripts are of what their first certificate says. */
function archOf(input: VectorInput, devices: Parameters<typeof verifyGpus>[0]['devices']): string {
  const container = input.role('gpu_evidence_json')
  if (container !== undefined) {
    const value: unknown = JSON.parse(fromUtf8(container))
    const named: unknown = Array.isArray(value) ? value[0] : value
    const isNamed = typeof named === 'object' && named !== null && 'arch' in named
    if (isNamed && typeof named.arch === 'string') return named.arch
  }
  const [first] = parseNvidiaEvidence({ arch: '', devices }).devices
  return first === undefined ? '' : deviceIdentity(first.chain).architecture
}

/** Stored manifests under the ids that the evidence names, and stored OCSP answers by serial number. */
async function collateralOf(
  input: VectorInput,
  bytes: Parameters<typeof parseNvidiaEvidence>[0],
): Promise<Collateral> {
  const evidence = parseNvidiaEvidence(bytes)
  const entries: CollateralEntry[] = []
  const add = (name: string, body: Bytes): void => {
    entries.push({ name, body, headers: {}, fetchedAt: unixSeconds(0) })
  }
  for (const { kind, gpu, id } of neededManifests(evidence)) {
    const role = kind === 'driver' ? 'driver_rim' : gpu ? 'vbios_rim' : 'switch_rim'
    for (const xml of input.roles(role)) add(rimName(id), await rimAnswer(id, xml))
  }
  const signers = RIM_ROLES.flatMap((role) => input.roles(role)).map(signersOf)
  const links = [...evidence.devices.map(({ chain }) => chain), ...signers].flatMap((chain) =>
    chain.slice(0, -1).map((certificate, i) => ({ certificate, issuer: chain[i + 1] })),
  )
  for (const body of input.roles('ocsp_response')) {
    const serials = parseOcspResponse(body).statements.map(({ serial }) => hex(serial))
    for (const { certificate, issuer } of links) {
      const about = issuer !== undefined && serials.includes(certificate.serial)
      if (about) add(ocspName({ certificate, issuer }), body)
    }
  }
  return new Map(entries.map((entry) => [entry.name, entry]))
}

/** A manifest that does not parse names no signers; its verification says what is wrong with it. */
function signersOf(xml: Bytes): readonly Certificate[] {
  try {
    return parseRimManifest(xml).signature.chain
  } catch (cause) {
    if (cause instanceof AttestationError) return []
    throw cause
  }
}

const RIM_ROLES = ['driver_rim', 'vbios_rim', 'switch_rim'] as const

function neededManifests({ devices }: NvidiaEvidence) {
  return devices.flatMap(({ chain, transcript }) => {
    const identity = deviceIdentity(chain)
    const gpu = identity.kind === 'gpu'
    return rimReferences(identity, transcript.opaque).map(({ kind, id }) => ({ kind, id, gpu }))
  })
}

/** The RIM service's form of a bare document. */
async function rimAnswer(id: string, xml: Bytes): Promise<Bytes> {
  const sha256 = hex(await digestOf('SHA-256', xml))
  return utf8(JSON.stringify({ id, rim: base64(xml), sha256, rim_format: 'TCG' }))
}

/** Facts of evidence that parses; the comparison only if it is proven. */
async function factsOf(
  bytes: Parameters<typeof parseNvidiaEvidence>[0],
  { collateral, now, anchors, nonce }: GpuInput,
): Promise<VectorResult['facts']> {
  try {
    const evidence = parseNvidiaEvidence(bytes)
    const own = evidenceFacts(evidence)
    const roots = { device: anchors.nvidiaDevice, rim: anchors.nvidiaRim }
    const input = { evidence, collateral, now, anchors: roots, nonce, judged: 'all' } as const
    const proof = await proveNvidia(input)
    return proof.proven ? { ...own, ...compareFacts(proof.facts) } : own
  } catch (cause) {
    if (cause instanceof AttestationError) return {}
    throw cause
  }
}

async function runRim(input: VectorInput): Promise<VectorResult> {
  const xml = RIM_ROLES.map((role) => input.role(role)).find((bytes) => bytes !== undefined)
  if (xml === undefined) throw new VectorSkipped('the vector has no manifest')
  return judged(async () => {
    const service = input.role('rim_service_json')
    if (service !== undefined) await checkService(service, xml)
    const manifest = parseRimManifest(xml)
    const anchors = nvidiaAnchors(input).nvidiaRim.map(anchorCertificate)
    const now = input.now ?? unixSeconds(0)
    const options = { anchors, now, algorithms: ['ecdsa-sha384'], leaf: 'end-entity' } as const
    await verifyChain(manifest.signature.chain, options)
    await verifyXmlSignature(manifest.root, manifest.signature)
    return rimFacts(manifest)
  })
}

/** The stored answer of the service must hold this very document. */
async function checkService(service: Bytes, xml: Bytes): Promise<void> {
  const value: unknown = JSON.parse(fromUtf8(service))
  const isAnswer = typeof value === 'object' && value !== null && 'id' in value
  demand(isAnswer, 'parse', 'RIM service answer')
  const document = await openRimAnswer(service, String(value.id))
  demand(hex(document) === hex(xml), 'rim-mismatch', 'RIM service answer holds another document')
}

async function runChain(input: VectorInput): Promise<VectorResult> {
  return judged(async () => {
    const pem = input.role('device_chain_pem')
    if (pem === undefined) throw new VectorSkipped('the vector has no chain')
    const chain = parsePemCertificates(fromUtf8(pem), 8)
    const now = input.now ?? unixSeconds(0)
    await verifyDeviceChain(chain, nvidiaAnchors(input).nvidiaDevice, now)
    const [leaf] = chain
    const fwid = leaf === undefined ? undefined : certifiedFwid(leaf)
    return fwid === undefined ? {} : { fwid: hex(fwid) }
  })
}
