import type { Bytes } from '#base/bytes.ts'
import type { Authorities, ForgedDevice } from './nvidia-machine.ts'
import type { NrasFields } from './nvidia-nras.ts'
import { FORGED_FWID, type Forged } from './nvidia-pki.ts'
import type { RimFields } from './nvidia-rim.ts'
import { gpuOpaque, type OpaqueValues, switchOpaque } from './nvidia-spdm.ts'

/** What a good forged machine says, and the manifests that it meets. */

export type RimKind = 'driver' | 'vbios' | 'switch'

/** Blocks 1 to n of every GPU and of every switch. */
export interface Measurements {
  readonly gpu: readonly Bytes[]
  readonly switch: readonly Bytes[]
}

export const FORGED_VERSIONS = {
  driver: '595.71.05',
  vbios: '96.00.9F.00.04',
  project: '1010',
  projectSku: '0210',
  chipSku: '886',
} as const

const FORGED_SWITCH_BIOS = '96.10.55.00.01'
export const GPU_BLOCKS = 64
export const SWITCH_BLOCKS = 31
/** Active indices of the real manifests of driver 595.71.05 and VBIOS 96.00.9F.00.04. */
const DRIVER_INDICES: readonly number[] = [7, ...Array.from({ length: 21 }, (_, i) => 21 + i)]
const VBIOS_INDICES: readonly number[] = [0, 1, 2, 3, 4, 5, 6, 8, 9, 10, 11, 12]

/** A machine with switches is a protected PCIe fabric; one without is in the single mode. */
export function goodOpaque(device: ForgedDevice, devices: readonly ForgedDevice[]): OpaqueValues {
  const switches = devices.filter(({ kind }) => kind === 'switch').map(({ id }) => id)
  const gpus = devices.filter(({ kind }) => kind === 'gpu').map(({ id }) => id)
  if (device.kind === 'switch') {
    return switchOpaque(FORGED_SWITCH_BIOS, device.id, gpus, FORGED_FWID)
  }
  const opaque = gpuOpaque(FORGED_VERSIONS, FORGED_FWID)
  if (switches.length === 0) return opaque
  const links = Array.from({ length: 18 }, (_, i) => switches[i % switches.length] ?? device.id)
  const ids = Uint8Array.from(links.flatMap((id) => [...id].reverse()))
  return { ...opaque, 21: Uint8Array.of(0xaa), 22: ids, 36: Uint8Array.of(2, 0) }
}

export function rimId(kind: RimKind): string {
  const { driver, vbios, project, projectSku, chipSku } = FORGED_VERSIONS
  const packed = (version: string): string => version.replaceAll('.', '')
  return {
    driver: `NV_GPU_DRIVER_GH100_${driver}`,
    vbios: `NV_GPU_VBIOS_${project}_${projectSku}_${chipSku}_${packed(vbios)}`,
    switch: `NV_SWITCH_BIOS_5612_0002_890_${packed(FORGED_SWITCH_BIOS)}`,
  }[kind]
}

export function goodRim(
  kind: RimKind,
  { rimSigner, rimL3, rimCa, rimRoot }: Authorities,
  measurements: Measurements,
): RimFields {
  const values = measurements[kind === 'switch' ? 'switch' : 'gpu']
  const active = {
    driver: DRIVER_INDICES,
    vbios: VBIOS_INDICES,
    switch: values.map((_, i) => i),
  }[kind]
  return {
    version: {
      driver: FORGED_VERSIONS.driver,
      vbios: FORGED_VERSIONS.vbios,
      switch: FORGED_SWITCH_BIOS,
    }[kind],
    product: kind === 'switch' ? 'LS10' : 'GH100',
    edition: kind === 'switch' ? 'SWITCH' : 'GPU',
    manufacturerId: '5703',
    resources: values.map((value, index) => {
      const isActive = active.includes(index)
      return { index, active: isActive, alternatives: [isActive ? value : new Uint8Array(48)] }
    }),
    signer: rimSigner.signer,
    chain: [rimSigner, rimL3, rimCa, rimRoot].map(({ der }) => der),
  }
}

export function nrasDevice({ leaf }: ForgedDevice): NrasFields['devices'][number] {
  const { driver, vbios } = FORGED_VERSIONS
  return { ueid: leaf.serial.toString(), hwmodel: 'GH100 A01 GSP BROM', driver, vbios }
}

/** "nvidia/ocsp/<issuer>/<serial octets>" */
export function forgedOcspName(certificate: Forged, issuer: Forged): string {
  const label = encodeURIComponent(issuer.subject.find(([type]) => type === 'CN')?.[1] ?? '')
  const digits = certificate.serial.toString(16)
  const even = digits.length % 2 === 0 ? digits : `0${digits}`
  return `nvidia/ocsp/${label}/${Number.parseInt(even.slice(0, 2), 16) >= 0x80 ? '00' : ''}${even}`
}
