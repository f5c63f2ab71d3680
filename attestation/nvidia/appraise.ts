import type { UnixSeconds } from '#base/brand.ts'
import { type Check, Checklist } from '../checks.ts'
import type { FailureCode } from '../codes.ts'
import { NVIDIA_CHECKS } from './checks.ts'
import { fabricFault } from './fabric.ts'
import { FEATURE_FLAG_SINCE } from './opaque.ts'
import { FEATURES, type NvidiaPolicy } from './policy.ts'
import type { DeviceFacts, NvidiaFacts } from './prove.ts'
import type { RevocationAnswer, RevocationStatus } from './revocation/status.ts'
import { NVDEC0 } from './rim/compare.ts'
import type { RimKind } from './rim/ids.ts'
import { compareVersions } from './versions.ts'

type List = Checklist<typeof NVIDIA_CHECKS>
type CheckId = keyof typeof NVIDIA_CHECKS

const PROTECTED_PCIE = { on: 0xaa, off: 0x55 } as const

/**
 * Holds proven facts against a policy and collects every rule that they break.
 */
export function appraiseNvidia(
  facts: NvidiaFacts,
  policy: NvidiaPolicy,
  now: UnixSeconds,
): readonly Check[] {
  const list = new Checklist(NVIDIA_CHECKS)
  const { devices } = facts
  judgeForm(list, devices, policy)
  judgeVersions(list, devices, policy)
  judgeMode(list, devices, policy)
  judgeReferences(list, devices, policy)
  judgeRevocation(list, facts.revocation, policy, now)
  return list.checks
}

/** One row for all devices: it fails with whatever is wrong, device by device. */
function judgeEach(
  list: List,
  id: CheckId,
  code: FailureCode,
  devices: readonly DeviceFacts[],
  fault: (device: DeviceFacts) => string | undefined,
): void {
  const faults = devices.flatMap((device) => {
    const text = fault(device)
    return text === undefined ? [] : [`${device.identity.chip} ${device.identity.ueid}: ${text}`]
  })
  list.judge(id, faults.length === 0, code, faults.join('; '))
}

function judgeForm(list: List, devices: readonly DeviceFacts[], policy: NvidiaPolicy): void {
  const trailing = devices.some(({ transcript }) => transcript.trailing > 0)
  if (policy.allowTrailingData && trailing) {
    list.skip('gpu.trailing-data', 'the policy ignores bytes after the end')
  } else list.judge('gpu.trailing-data', !trailing, 'trailing-data', 'bytes after the transcript')
  if (policy.fwid === 'if-present') list.skip('gpu.fwid-present', 'the policy needs no FWID')
  else {
    judgeEach(list, 'gpu.fwid-present', 'fwid', devices, ({ fwid }) =>
      fwid === 'match' ? undefined : 'reports no FWID',
    )
  }
  judgeEach(list, 'gpu.architecture', 'gpu-arch', devices, ({ identity: { architecture } }) =>
    policy.architectures.includes(architecture) ? undefined : `${architecture} is not accepted`,
  )
}

function judgeVersions(list: List, devices: readonly DeviceFacts[], policy: NvidiaPolicy): void {
  const { driverFloors, deniedDrivers, vbiosFloors } = policy
  const gpus = devices.filter(({ identity }) => identity.kind === 'gpu')
  if (gpus.length === 0) list.skip('gpu.driver-floor', 'switches have no driver')
  else if (driverFloors === 'unchecked') {
    list.skip('gpu.driver-floor', 'the policy has no driver floor')
  } else {
    judgeEach(list, 'gpu.driver-floor', 'gpu-driver', gpus, ({ identity, transcript }) => {
      const floor = driverFloors[identity.architecture]
      const driver = transcript.opaque.driver
      if (floor === undefined) return `the policy has no floor for ${identity.architecture}`
      return below(driver, floor, 10) ? `driver ${driver}, at least ${floor} demanded` : undefined
    })
  }
  judgeEach(list, 'gpu.driver-denied', 'gpu-driver', gpus, ({ transcript: { opaque } }) =>
    deniedDrivers.includes(opaque.driver ?? '') ? `driver ${opaque.driver} is denied` : undefined,
  )
  judgeEach(list, 'gpu.vbios-floor', 'gpu-vbios', devices, ({ identity, transcript }) => {
    const floor = vbiosFloors[identity.architecture]
    const vbios = transcript.opaque.vbios
    if (floor === undefined || !below(vbios, floor, 16)) return undefined
    return `firmware ${vbios}, at least ${floor} demanded`
  })
}

/** A version that is not reported is below every floor. */
function below(version: string | undefined, floor: string, radix: 10 | 16): boolean {
  return version === undefined || compareVersions(version, floor, radix) < 0
}

function judgeMode(list: List, devices: readonly DeviceFacts[], policy: NvidiaPolicy): void {
  judgeEach(list, 'gpu.feature', 'gpu-feature', devices, ({ identity, transcript: { opaque } }) => {
    const { featureFlag: flag, protectedPcie, version = 0 } = opaque
    const known = protectedPcie === PROTECTED_PCIE.on || protectedPcie === PROTECTED_PCIE.off
    if (protectedPcie !== undefined && !known) return `protected PCIe status ${protectedPcie}`
    // Formats before version 1 of the opaque data have no flag; there is only one mode then.
    if (flag === undefined) {
      const isOwed = identity.kind === 'gpu' && version >= FEATURE_FLAG_SINCE
      return isOwed ? 'reports no mode' : undefined
    }
    const feature = FEATURES[flag]
    const accepted = feature !== undefined && policy.features.includes(feature)
    return accepted ? undefined : `mode ${feature ?? flag} is not accepted`
  })
  if (!devices.some(isMultiGpu)) list.skip('gpu.fabric', 'no GPU is in a multi-GPU mode')
  else if (policy.fabric === 'unchecked') list.skip('gpu.fabric', 'the policy checks no fabric')
  else {
    const fault = fabricFault(devices, policy.fabric)
    list.judge('gpu.fabric', fault === undefined, 'gpu-fabric', fault ?? '')
  }
}

function isMultiGpu({ identity, transcript: { opaque } }: DeviceFacts): boolean {
  const flagged = opaque.featureFlag !== undefined && FEATURES[opaque.featureFlag] !== 'SPT'
  return identity.kind === 'gpu' && (flagged || opaque.protectedPcie === PROTECTED_PCIE.on)
}

function judgeReferences(list: List, devices: readonly DeviceFacts[], policy: NvidiaPolicy): void {
  const judged = devices.filter(({ references }) => references !== undefined)
  if (judged.length === 0) {
    for (const id of REFERENCE_ROWS)
      list.skip(id, 'the attestation service judged the measurements')
    return
  }
  judgePresence(list, 'driver', judged, policy.driverRim)
  judgePresence(list, 'vbios', judged, policy.vbiosRim)
  judgeEach(list, 'gpu.nvdec0', 'measurement-mismatch', judged, ({ identity, transcript }) => {
    const status = transcript.opaque.nvdec0
    const known = status === NVDEC0.enabled || status === NVDEC0.disabled
    return identity.kind === 'switch' || known ? undefined : `video decoder status ${status}`
  })
  judgeMeasurements(list, judged)
}

/** A device without any manifest was compared with nothing. */
function judgeMeasurements(list: List, judged: readonly DeviceFacts[]): void {
  const compared = judged.filter(
    ({ references }) => references?.driver !== undefined || references?.vbios !== undefined,
  )
  if (compared.length === 0) list.skip('rim.no-conflict', 'no manifest is at hand')
  else judgeEach(list, 'rim.no-conflict', 'measurement-mismatch', compared, conflict)
  const differs = compared.some((device) => mismatch(device) !== undefined)
  if (compared.length === judged.length || differs) {
    judgeEach(list, 'gpu.measurements', 'measurement-mismatch', compared, mismatch)
  } else list.skip('gpu.measurements', 'a device has no manifest at hand')
}

function conflict({ references }: DeviceFacts): string | undefined {
  const indices = references?.conflicts ?? []
  return indices.length === 0 ? undefined : `both manifests claim ${indices.join(', ')}`
}

function mismatch({ references }: DeviceFacts): string | undefined {
  const { driver, vbios } = references ?? {}
  const parts = Object.entries({ driver, vbios }).flatMap(([kind, comparison]) => {
    const indices = comparison?.mismatch ?? []
    return indices.length === 0 ? [] : [`${kind} ${indices.join(', ')}`]
  })
  return parts.length === 0 ? undefined : `measurements differ: ${parts.join('; ')}`
}

const REFERENCE_ROWS = [
  'rim.driver',
  'rim.vbios',
  'rim.no-conflict',
  'gpu.nvdec0',
  'gpu.measurements',
] as const

function judgePresence(
  list: List,
  kind: RimKind,
  devices: readonly DeviceFacts[],
  rule: 'required' | 'unchecked',
): void {
  const id = kind === 'driver' ? 'rim.driver' : 'rim.vbios'
  if (rule === 'unchecked') {
    list.skip(id, `the policy needs no ${kind} manifest`)
    return
  }
  judgeEach(list, id, 'rim-missing', devices, ({ references }) => {
    const missing = references?.missing.find((reference) => reference.kind === kind)
    return missing === undefined ? undefined : `manifest ${missing.id} is not at hand`
  })
}

function judgeRevocation(
  list: List,
  revocation: readonly RevocationStatus[],
  policy: NvidiaPolicy,
  now: UnixSeconds,
): void {
  if (revocation.length === 0) {
    list.skip('gpu.revocation', 'the attestation service judged revocation')
    return
  }
  const faults = revocation.flatMap((status) => {
    const fault = revocationFault(status, policy, now)
    return fault === undefined ? [] : [{ ...fault, text: `${status.subject}: ${fault.text}` }]
  })
  // A revocation is said first: it is worse than an answer that is missing.
  const worst = faults.find(({ code }) => code === 'revocation') ?? faults[0]
  if (worst === undefined) list.pass('gpu.revocation')
  else if (policy.revocation === 'unchecked' && worst.code !== 'revocation') {
    list.skip('gpu.revocation', 'the policy needs no revocation answers')
  } else list.fail('gpu.revocation', worst.code, faults.map(({ text }) => text).join('; '))
}

type Fault = { readonly code: 'revocation' | 'ocsp'; readonly text: string } | undefined

/** A revocation counts whoever says it; that there is none only in the word of an accepted source. */
function revocationFault(
  { ocsp, crl }: RevocationStatus,
  policy: NvidiaPolicy,
  now: UnixSeconds,
): Fault {
  const answers = [ocsp, crl].filter((answer) => answer !== undefined)
  if (answers.some(({ state }) => state === 'revoked')) {
    return { code: 'revocation', text: 'revoked' }
  }
  const held = answers.some(({ state }) => state === 'hold')
  if (held && !policy.allowCertificateHold) return { code: 'revocation', text: 'on hold' }
  const faults = policy.revocationSources.map((source) => {
    // Lists are issued rarely and speak until their next update; OCSP answers are made often.
    const limit = source === 'ocsp' ? policy.maxRevocationAgeSeconds : Number.POSITIVE_INFINITY
    return answerFault({ ocsp, crl }[source], limit, now)
  })
  if (faults.includes(undefined)) return undefined
  return { code: 'ocsp', text: faults.join(', ') }
}

function answerFault(
  answer: RevocationAnswer | undefined,
  limit: number,
  now: UnixSeconds,
): string | undefined {
  if (answer === undefined) return 'no answer'
  if (answer.state === 'unknown') return 'not known to the responder'
  if (now < answer.from) return 'answer is from the future'
  if (now > answer.until) return 'answer is past its next update'
  const age = now - answer.from
  return age <= limit ? undefined : `answer is ${age} s old, at most ${limit} s accepted`
}
