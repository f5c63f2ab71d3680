import type { Collateral, CollateralEntry, TrustAnchors } from '#attestation'
import type { Random } from '#base/brand.ts'
import { unixSeconds } from '#base/brand.ts'
import { type Bytes, hex } from '#base/bytes.ts'
import { type CrlFields, type Signer, writeCrl } from './der.ts'
import {
  forgedOcspName,
  GPU_BLOCKS,
  goodOpaque,
  goodRim,
  type Measurements,
  nrasDevice,
  type RimKind,
  rimId,
  SWITCH_BLOCKS,
} from './nvidia-good.ts'
import {
  type Authorities,
  type AuthorityName,
  deviceChain,
  exportAuthorities,
  type ForgedDevice,
  type ForgedDeviceData,
  forgeAuthorities,
  forgeDevice,
  forgeMeasurements,
  importAuthorities,
  revocable,
} from './nvidia-machine.ts'
import { type NrasFields, writeKeySet, writeNrasAnswer } from './nvidia-nras.ts'
import { type OcspFields, writeOcsp } from './nvidia-ocsp.ts'
import { exportForged, type Forged, type ForgedData, importForged, pemChain } from './nvidia-pki.ts'
import { type RimFields, rimAnswer, writeRim } from './nvidia-rim.ts'
import { type OpaqueValues, type TranscriptFields, writeTranscript } from './nvidia-spdm.ts'

export interface GpuEvidence {
  readonly arch: string
  readonly devices: readonly { readonly evidence: Bytes; readonly certificate: Bytes }[]
}

/** What may differ from a good device. */
export interface DeviceOverrides {
  /** Certificates, leaf first. */
  readonly chain?: readonly Bytes[]
  /** Opaque fields to replace, add, or (undefined) leave out. */
  readonly opaque?: Readonly<Record<number, Uint8Array | undefined>>
  readonly transcript?: Partial<TranscriptFields>
}

/**
 * A forged NVIDIA: device, manifest and attestation-service authorities under fresh roots, GPUs and switches of one
 * machine, signed manifests that their measurements meet, OCSP and CRL answers, and an attestation service. The
 * production verifier runs on its output unchanged, with `anchors` as anchors.
 */
export interface NvidiaForge {
  readonly anchors: Pick<TrustAnchors, 'nvidiaDevice' | 'nvidiaRim' | 'nras'>
  readonly authorities: Authorities
  /** GPUs first, then switches. */
  readonly devices: readonly ForgedDevice[]
  readonly kid: string
  /** Evidence of all devices, or of those picked by index, over a 32-byte nonce. */
  evidence(options: {
    readonly nonce: Uint8Array
    readonly arch?: string
    readonly pick?: readonly number[]
    readonly device?: (index: number) => DeviceOverrides
  }): Promise<GpuEvidence>
  /** The id by which the RIM service knows a manifest. */
  rimId(kind: RimKind): string
  rim(kind: RimKind, fields?: Partial<RimFields>): Promise<Bytes>
  ocsp(
    subject: { readonly certificate: Forged; readonly issuer: Forged },
    fields?: Partial<OcspFields>,
  ): Promise<Bytes>
  crl(
    issuer: AuthorityName,
    fields?: Partial<CrlFields> & { readonly signer?: Signer },
  ): Promise<Bytes>
  /** The attestation service's answer about this forge's GPUs. */
  nras(fields: { readonly nonce: Uint8Array } & Partial<Omit<NrasFields, 'nonce'>>): Promise<Bytes>
  keySet(fields?: Readonly<Record<string, unknown>>): Bytes
  /** Manifests and good OCSP answers as of `now`, under the names by which the verifier looks them up. */
  collateral(now?: number): Promise<Collateral>
  /** The forge as plain data for another process; `openNvidiaForge` is the inverse. */
  export(): Promise<NvidiaForgeData>
}

interface Base {
  /** Unix seconds at which the forge was made. */
  readonly now: number
  readonly kid: string
  readonly measurements: Measurements
}

export interface NvidiaForgeData extends Base {
  readonly authorities: Readonly<Record<AuthorityName, ForgedData>>
  readonly devices: readonly ForgedDeviceData[]
}

const FORGED_ISSUER = 'https://nras.attestation.nvidia.com'

const HOUR_SECONDS = 3_600

export async function forgeNvidia(options: {
  readonly random: Random
  /** Unix seconds; everything forged is valid around it. */
  readonly now: number
  readonly gpus?: number
  readonly switches?: number
  /** One root for devices and manifests, where a verifier takes only one. */
  readonly sharedRoot?: boolean
}): Promise<NvidiaForge> {
  const { random, now, gpus = 1, switches = 0, sharedRoot = false } = options
  const authorities = await forgeAuthorities(random, now, sharedRoot)
  const kinds = [
    ...Array.from({ length: gpus }, () => 'gpu' as const),
    ...Array.from({ length: switches }, () => 'switch' as const),
  ]
  const devices = await Promise.all(
    kinds.map((kind) => forgeDevice(kind, authorities, random, now)),
  )
  const measurements = {
    gpu: forgeMeasurements(random, GPU_BLOCKS),
    switch: forgeMeasurements(random, SWITCH_BLOCKS),
  }
  const kid = `nv-eat-kid-forged-${hex(random(8))}`
  return buildForge({ now, kid, measurements }, authorities, devices)
}

export async function openNvidiaForge(data: NvidiaForgeData): Promise<NvidiaForge> {
  const devices = data.devices.map(async (device) => ({
    ...device,
    bootRom: await importForged(device.bootRom),
    leaf: await importForged(device.leaf),
  }))
  return buildForge(data, await importAuthorities(data.authorities), await Promise.all(devices))
}

function buildForge(
  { now, kid, measurements }: Base,
  authorities: Authorities,
  devices: readonly ForgedDevice[],
): NvidiaForge {
  const { deviceRoot, rimRoot, nrasRoot, nrasIntermediate, nrasLeaf } = authorities
  const forge: NvidiaForge = {
    anchors: {
      nvidiaDevice: [deviceRoot.der],
      nvidiaRim: [rimRoot.der],
      nras: { issuer: FORGED_ISSUER, roots: [nrasRoot.der] },
    },
    authorities,
    devices,
    kid,
    evidence: async ({ nonce, arch = 'HOPPER', pick = devices.map((_, i) => i), device }) => ({
      arch,
      devices: await Promise.all(
        pick.map((i) => deviceEvidence(forge, measurements, i, nonce, device?.(i) ?? {})),
      ),
    }),
    rimId,
    rim: (kind, fields = {}) =>
      writeRim({ ...goodRim(kind, authorities, measurements), ...fields }),
    ocsp: ({ certificate, issuer }, fields = {}) =>
      writeOcsp({
        serial: certificate.serial,
        issuer,
        status: 'good',
        thisUpdate: now - HOUR_SECONDS,
        nextUpdate: now + 23 * HOUR_SECONDS,
        ...fields,
      }),
    crl: (issuer, { signer = authorities[issuer].signer, ...fields } = {}) =>
      writeCrl(
        {
          issuer: authorities[issuer].subject,
          thisUpdate: now - HOUR_SECONDS,
          nextUpdate: now + 24 * HOUR_SECONDS,
          number: 100,
          revoked: [],
          ...fields,
        },
        signer,
      ),
    nras: ({ nonce, ...fields }) =>
      writeNrasAnswer({
        signer: nrasLeaf.signer,
        kid,
        issuer: FORGED_ISSUER,
        nonce: hex(nonce),
        now,
        version: '3.0',
        devices: devices.filter(({ kind }) => kind === 'gpu').map(nrasDevice),
        ...fields,
      }),
    keySet: (fields) =>
      writeKeySet(nrasLeaf.signer, kid, [nrasLeaf.der, nrasIntermediate.der], fields),
    collateral: (at = now) => goodCollateral(forge, at),
    export: async () => ({
      now,
      kid,
      measurements,
      authorities: await exportAuthorities(authorities),
      devices: await Promise.all(
        devices.map(async (device) => ({
          ...device,
          bootRom: await exportForged(device.bootRom),
          leaf: await exportForged(device.leaf),
        })),
      ),
    }),
  }
  return forge
}

async function deviceEvidence(
  { devices, authorities }: NvidiaForge,
  measurements: Measurements,
  index: number,
  nonce: Uint8Array,
  overrides: DeviceOverrides,
): Promise<GpuEvidence['devices'][number]> {
  const device = devices[index]
  if (device === undefined) throw new RangeError(`no forged device ${index}`)
  const opaque = { ...goodOpaque(device, devices), ...overrides.opaque }
  const present = Object.entries(opaque).filter(([, value]) => value !== undefined)
  const evidence = await writeTranscript({
    nonce,
    responseNonce: new Uint8Array(32).fill(7),
    measurements: measurements[device.kind],
    // Sound: the undefined ones were filtered out just above.
    opaque: Object.fromEntries(present) as OpaqueValues,
    signer: device.leaf.signer,
    ...overrides.transcript,
  })
  const chain = overrides.chain ?? deviceChain(device, authorities)
  return { evidence, certificate: pemChain(chain) }
}

async function goodCollateral(forge: NvidiaForge, now: number): Promise<Collateral> {
  const entry = (name: string, body: Bytes): [string, CollateralEntry] => [
    name,
    { name, body, headers: {}, fetchedAt: unixSeconds(now) },
  ]
  const rims = (['driver', 'vbios', 'switch'] as const).map(async (kind) => {
    const id = forge.rimId(kind)
    return entry(`nvidia/rim/${id}`, await rimAnswer(id, await forge.rim(kind)))
  })
  const dates = { thisUpdate: now - HOUR_SECONDS, nextUpdate: now + 23 * HOUR_SECONDS }
  const answers = revocable(forge.devices, forge.authorities).map(async (subject) => {
    const name = forgedOcspName(subject.certificate, subject.issuer)
    return entry(name, await forge.ocsp(subject, dates))
  })
  return new Map(await Promise.all([...rims, ...answers]))
}
