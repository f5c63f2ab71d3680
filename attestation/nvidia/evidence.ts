import { type Bytes, fromUtf8 } from '#base/bytes.ts'
import type { Certificate } from '../der/certificate.ts'
import { parsePemCertificates } from '../der/pem.ts'
import { demand, parsing } from '../errors.ts'
import { parseSpdmTranscript, type SpdmTranscript } from './spdm.ts'

/** Evidence of one GPU or switch as it travels. */
export interface DeviceBytes {
  /** SPDM request || response. */
  readonly evidence: Bytes
  /** The device's certificates as PEM text, leaf first. */
  readonly certificate: Bytes
}

export interface NvidiaDeviceEvidence {
  readonly bytes: DeviceBytes
  readonly transcript: SpdmTranscript
  readonly chain: readonly Certificate[]
}

/** Evidence of all GPUs and switches of a machine, parsed and not yet believed. */
export interface NvidiaEvidence {
  /** Architecture that the sender names for its GPUs. */
  readonly arch: string
  readonly devices: readonly NvidiaDeviceEvidence[]
}

/** Eight GPUs and four switches, with room. */
const MAX_DEVICES = 16
const MAX_CERTIFICATES = 8

/** @throws AttestationError when any part is malformed */
export function parseNvidiaEvidence(input: {
  readonly arch: string
  readonly devices: readonly DeviceBytes[]
}): NvidiaEvidence {
  const { arch, devices } = input
  const some = devices.length > 0
  demand(some, 'parse', 'no device in the GPU evidence')
  demand(devices.length <= MAX_DEVICES, 'too-large', `${devices.length} devices`)
  return { arch, devices: devices.map(parseDevice) }
}

function parseDevice(bytes: DeviceBytes): NvidiaDeviceEvidence {
  const pem = parsing('device certificates', () => fromUtf8(bytes.certificate))
  return {
    bytes,
    transcript: parseSpdmTranscript(bytes.evidence),
    chain: parsePemCertificates(pem, MAX_CERTIFICATES),
  }
}
