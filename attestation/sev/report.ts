import type { Bytes } from '#base/bytes.ts'
import { ByteReader } from '#base/reader.ts'
import { demand, parsing } from '../errors.ts'

/** Firmware version as the report gives it. */
export interface SevVersion {
  readonly major: number
  readonly minor: number
  readonly build: number
}

/** CPUID of report versions 3 and later. */
export interface Cpuid {
  readonly family: number
  readonly model: number
  readonly stepping: number
}

/** ATTESTATION_REPORT, typed; authenticity is another step. TCB versions stay raw: their layout is the product's. */
export interface SnpReport {
  /** The signed part, bytes 0x000 to 0x29F, as received. */
  readonly signed: Bytes
  readonly version: number
  readonly guestSvn: number
  readonly policy: bigint
  readonly familyId: Bytes
  readonly imageId: Bytes
  /** Privilege level of the requester, 0 to 3. */
  readonly vmpl: number
  readonly currentTcb: Bytes
  readonly platformInfo: bigint
  readonly authorKeyEnabled: boolean
  readonly maskChipKey: boolean
  /** SIGNING_KEY: 0 VCEK, 1 VLEK, 7 none. */
  readonly signingKey: number
  readonly reportData: Bytes
  readonly measurement: Bytes
  readonly hostData: Bytes
  readonly idKeyDigest: Bytes
  readonly authorKeyDigest: Bytes
  readonly reportId: Bytes
  readonly reportIdMa: Bytes
  readonly reportedTcb: Bytes
  /** Absent in version 2. */
  readonly cpuid: Cpuid | undefined
  readonly chipId: Bytes
  readonly committedTcb: Bytes
  readonly current: SevVersion
  readonly committed: SevVersion
  readonly launchTcb: Bytes
  /** Mitigation vectors; absent before version 5. */
  readonly launchMitigations: bigint | undefined
  readonly currentMitigations: bigint | undefined
  /** ECDSA P-384 as WebCrypto takes it: r || s, big-endian. */
  readonly signature: Bytes
}

export const SNP_REPORT_BYTES = 0x4a0
const SIGNED_BYTES = 0x2a0
/** Versions whose layout is known here; which of them to accept is policy. */
const VERSIONS: ReadonlySet<number> = new Set([2, 3, 4, 5])
const ECDSA_P384_SHA384 = 1
const COMPONENT_BYTES = 48
const MAX_VMPL = 3

/**
 * Parses a report: exact length, known version, every reserved field zero, also the unsigned ones (a report
 * has one form only). @see AMD 56860, ATTESTATION_REPORT
 */
export function parseSnpReport(bytes: Bytes): SnpReport {
  return parsing('SNP report', () => {
    demand(bytes.length === SNP_REPORT_BYTES, 'parse', `SNP report of ${bytes.length} bytes`)
    const reader = new ByteReader(bytes)
    const version = reader.u32le()
    demand(VERSIONS.has(version), 'version', `SNP report version ${version}`)
    const head = readHead(reader)
    const identity = readIdentity(reader)
    const platform = readPlatform(reader, version)
    reservedZero(reader, SIGNED_BYTES - reader.offset, 'tail')
    const signature = readSignature(reader)
    reservedZero(reader, reader.remaining, 'unsigned tail')
    reader.end()
    const zeroAuthor = head.authorKeyEnabled || identity.authorKeyDigest.every((byte) => byte === 0)
    demand(zeroAuthor, 'parse', 'author key digest without author key')
    return {
      signed: bytes.slice(0, SIGNED_BYTES),
      version,
      ...head,
      ...identity,
      ...platform,
      signature,
    }
  })
}

/** 0x004 to 0x04F. */
function readHead(reader: ByteReader) {
  const guestSvn = reader.u32le()
  const policy = reader.u64le()
  const familyId = reader.take(16)
  const imageId = reader.take(16)
  const vmpl = reader.u32le()
  demand(vmpl <= MAX_VMPL, 'parse', `VMPL ${vmpl}`)
  const algorithm = reader.u32le()
  demand(algorithm === ECDSA_P384_SHA384, 'key-type', `signature algorithm ${algorithm}`)
  const currentTcb = reader.take(8)
  const platformInfo = reader.u64le()
  const signer = reader.u32le()
  demand(signer >>> 5 === 0, 'parse', 'reserved signer bits are set')
  reservedZero(reader, 4, 'field 0x04C')
  return {
    guestSvn,
    policy,
    familyId,
    imageId,
    vmpl,
    currentTcb,
    platformInfo,
    authorKeyEnabled: (signer & 1) !== 0,
    maskChipKey: (signer & 2) !== 0,
    signingKey: (signer >>> 2) & 7,
  }
}

/** 0x050 to 0x17F. */
function readIdentity(reader: ByteReader) {
  return {
    reportData: reader.take(64),
    measurement: reader.take(48),
    hostData: reader.take(32),
    idKeyDigest: reader.take(48),
    authorKeyDigest: reader.take(48),
    reportId: reader.take(32),
    reportIdMa: reader.take(32),
  }
}

/** 0x180 to 0x207. */
function readPlatform(reader: ByteReader, version: number) {
  const reportedTcb = reader.take(8)
  const cpuid = readCpuid(reader, version)
  reservedZero(reader, 21, 'field 0x18B')
  const chipId = reader.take(64)
  const committedTcb = reader.take(8)
  const current = readVersion(reader)
  const committed = readVersion(reader)
  const launchTcb = reader.take(8)
  const [launchMitigations, currentMitigations] = readMitigations(reader, version)
  return {
    reportedTcb,
    cpuid,
    chipId,
    committedTcb,
    current,
    committed,
    launchTcb,
    launchMitigations,
    currentMitigations,
  }
}

function readCpuid(reader: ByteReader, version: number): Cpuid | undefined {
  if (version >= 3) return { family: reader.u8(), model: reader.u8(), stepping: reader.u8() }
  reservedZero(reader, 3, 'field 0x188')
  return undefined
}

function readVersion(reader: ByteReader): SevVersion {
  const version = { build: reader.u8(), minor: reader.u8(), major: reader.u8() }
  reservedZero(reader, 1, 'version padding')
  return version
}

function readMitigations(reader: ByteReader, version: number): [bigint?, bigint?] {
  if (version >= 5) return [reader.u64le(), reader.u64le()]
  reservedZero(reader, 16, 'field 0x1F8')
  return []
}

/** R and S, little-endian in 72 bytes each, of which a P-384 number fills 48. */
function readSignature(reader: ByteReader): Bytes {
  const raw = new Uint8Array(2 * COMPONENT_BYTES)
  for (const at of [0, COMPONENT_BYTES]) {
    raw.set(reader.take(COMPONENT_BYTES).reverse(), at)
    reservedZero(reader, 72 - COMPONENT_BYTES, 'signature padding')
  }
  return raw
}

function reservedZero(reader: ByteReader, length: number, where: string): void {
  const zero = reader.take(length).every((byte) => byte === 0)
  demand(zero, 'parse', `SNP report: ${where} is not zero`)
}

/** "1.55.40" */
export function versionText({ major, minor, build }: SevVersion): string {
  return `${major}.${minor}.${build}`
}
