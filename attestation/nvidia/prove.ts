import type { UnixSeconds } from '#base/brand.ts'
import { type Bytes, equalBytes } from '#base/bytes.ts'
import { type Checklist, type Proof, prove } from '../checks.ts'
import type { Collateral } from '../collateral/entry.ts'
import type { VerifiedChain } from '../der/chain.ts'
import { AttestationError, demand } from '../errors.ts'
import { gpuEvidenceDigest } from '../hashes.ts'
import { NVIDIA_CHECKS } from './checks.ts'
import { type DeviceIdentity, deviceIdentity, verifyDeviceChain } from './device.ts'
import type { NvidiaDeviceEvidence, NvidiaEvidence } from './evidence.ts'
import { certifiedFwid } from './fwid.ts'
import { proveReferences, type ReferenceFacts } from './references.ts'
import { type RevocationStatus, revocationStatus } from './revocation/status.ts'
import { deviceSubjects, distinctSubjects } from './revocation/subjects.ts'
import type { SpdmTranscript } from './spdm.ts'
import { verifyTranscript } from './verify-transcript.ts'

/** What is true about a device once every cryptographic step has passed. */
export interface DeviceFacts {
  readonly identity: DeviceIdentity
  readonly transcript: SpdmTranscript
  readonly fwid: 'match' | 'absent'
  /** How it compares with NVIDIA's reference values; undefined when another judges that. */
  readonly references: ReferenceFacts | undefined
}

export interface NvidiaFacts {
  readonly devices: readonly DeviceFacts[]
  /** Digest of the whole evidence list, as a keyset's subject names it. */
  readonly digest: string
  /** Of every certificate that can be revoked, each once. */
  readonly revocation: readonly RevocationStatus[]
}

export interface NvidiaProofInput {
  readonly evidence: NvidiaEvidence
  readonly collateral: Collateral
  readonly now: UnixSeconds
  readonly anchors: { readonly device: readonly Bytes[]; readonly rim: readonly Bytes[] }
  /** The 32 bytes that the evidence must answer: the caller's own, never read from the evidence. */
  readonly nonce: Bytes
  /** Devices whose reference values are judged here. */
  readonly judged: 'all' | 'switches'
}

type List = Checklist<typeof NVIDIA_CHECKS>

interface ProvenDevice {
  readonly device: NvidiaDeviceEvidence
  readonly identity: DeviceIdentity
  readonly chain: VerifiedChain
}

/**
 * Proves the evidence of every GPU and switch:
 * 1. each chain ends in NVIDIA's device root, and says what the device is;
 * 2. the devices are of the architecture that the sender names;
 * 3. each transcript is signed by its device, 4. answers our nonce, 5. comes from the certified firmware;
 * 6. no device appears twice;
 * 7. the reference manifests at hand are NVIDIA's, for these very versions;
 * 8. the revocation answers at hand are authentic.
 * @see https://github.com/NVIDIA/nvtrust; DMTF DSP0274 (SPDM 1.1)
 */
export function proveNvidia(input: NvidiaProofInput): Promise<Proof<NvidiaFacts>> {
  const { evidence, collateral, now, nonce } = input
  return prove(NVIDIA_CHECKS, async (list) => {
    const proven = await proveChains(input, list)
    await list.step('gpu.arch', () => checkArchitecture(evidence.arch, proven))
    await list.step('gpu.signature', () => each(evidence.devices, verifyTranscript))
    await list.step('gpu.nonce', () =>
      each(evidence.devices, (device) => checkNonce(device, nonce)),
    )
    const fwids = await list.step('gpu.fwid', () => each(evidence.devices, checkFwid))
    await list.step('gpu.distinct', () => checkDistinct(proven))
    const judged = proven.map(
      ({ identity }) => input.judged === 'all' || identity.kind === 'switch',
    )
    const references = await proveReferences(
      proven.map(({ identity, device }, i) => ({ identity, device, judged: judged[i] === true })),
      { collateral, now, roots: input.anchors.rim, list },
    )
    const subjects = [
      ...proven.filter((_, i) => judged[i]).flatMap(({ chain }) => deviceSubjects(chain)),
      ...references.subjects,
    ]
    const revocation = await list.step('gpu.revocation-answers', () =>
      Promise.all(
        distinctSubjects(subjects).map((subject) => revocationStatus(subject, collateral, now)),
      ),
    )
    for (const { ocsp, crl } of revocation) {
      // An answer that ended binds nothing: policy refuses it.
      for (const answer of [ocsp, crl]) if (answer && now <= answer.until) list.bound(answer.until)
    }
    const digest = await gpuEvidenceDigest(evidence.devices.map(({ bytes }) => bytes))
    const devices = proven.map(({ identity, device: { transcript } }, i): DeviceFacts => {
      const fwid = fwids[i] ?? 'absent'
      return { identity, transcript, fwid, references: references.facts[i] }
    })
    return { devices, digest, revocation }
  })
}

async function proveChains(
  { evidence, anchors, now }: NvidiaProofInput,
  list: List,
): Promise<readonly ProvenDevice[]> {
  const proven = await list.step('gpu.chain', () =>
    each(evidence.devices, async (device) => {
      const chain = await verifyDeviceChain(device.chain, anchors.device, now)
      return { device, chain, identity: deviceIdentity(device.chain) }
    }),
  )
  for (const { chain } of proven) list.bound(chain.validUntil)
  return proven
}

/** Runs a step for every device at once; the first failure in order is the step's. */
async function each<Item, T>(
  items: readonly Item[],
  run: (item: Item) => T | Promise<T>,
): Promise<T[]> {
  const outcomes = await Promise.allSettled(items.map(async (item) => run(item)))
  return outcomes.map((outcome, i) => {
    if (outcome.status === 'fulfilled') return outcome.value
    const cause: unknown = outcome.reason
    if (!(cause instanceof AttestationError)) throw cause
    throw new AttestationError(cause.code, `device ${i}: ${cause.message}`, { cause })
  })
}

function checkArchitecture(arch: string, proven: readonly ProvenDevice[]): void {
  const gpus = proven.filter(({ identity }) => identity.kind === 'gpu')
  // Switches travel with GPUs under the GPUs' name, and under their own when alone.
  for (const { identity } of gpus.length > 0 ? gpus : proven) {
    const same = identity.architecture === arch
    demand(same, 'gpu-arch', `${identity.chip} is ${identity.architecture}, not what is named`)
  }
}

function checkNonce({ transcript }: NvidiaDeviceEvidence, nonce: Bytes): void {
  demand(equalBytes(transcript.requestNonce, nonce), 'nonce', 'evidence answers another nonce')
}

function checkFwid({ chain, transcript }: NvidiaDeviceEvidence): DeviceFacts['fwid'] {
  const reported = transcript.opaque.fwid
  const [leaf] = chain
  if (reported === undefined || leaf === undefined) return 'absent'
  const certified = certifiedFwid(leaf)
  const same = certified !== undefined && equalBytes(certified, reported)
  demand(same, 'fwid', 'running firmware is not the one that the certificate was issued to')
  return 'match'
}

function checkDistinct(proven: readonly ProvenDevice[]): void {
  const ids = new Set(proven.map(({ identity }) => identity.ueid))
  const seen = `${ids.size} devices in ${proven.length} entries`
  demand(ids.size === proven.length, 'duplicate-device', seen)
}
