import { demand } from '../../errors.ts'
import type { DeviceIdentity } from '../device.ts'
import type { OpaqueFields } from '../opaque.ts'

export type RimKind = 'driver' | 'vbios'

/** One manifest that a device's measurements must be held against. */
export interface RimReference {
  readonly kind: RimKind
  /** Id at NVIDIA's RIM service. */
  readonly id: string
  /** Version that the manifest must describe. */
  readonly version: string
}

/** NVIDIA publishes one board of LS10 switches; their evidence names none. */
const LS10_BOARD = '5612_0002_890'
const DEFAULT_BLACKWELL_CHIP = 'GB100'

/**
 * The manifests that a device's own signed fields name: driver and VBIOS of a GPU, BIOS of a switch.
 * @throws AttestationError rim-missing when the evidence does not say which
 * @see https://docs.attestation.nvidia.com (RIM service, RIM ids)
 */
export function rimReferences(
  device: DeviceIdentity,
  opaque: OpaqueFields,
): readonly RimReference[] {
  const version = present(opaque.vbios, 'firmware version')
  const packed = version.replaceAll('.', '')
  if (device.kind === 'switch') {
    return [{ kind: 'vbios', id: `NV_SWITCH_BIOS_${LS10_BOARD}_${packed}`, version }]
  }
  const project = present(opaque.project, 'project')
  const projectSku = present(opaque.projectSku, 'project SKU')
  const chipSku = present(opaque.chipSku, 'chip SKU')
  const board = `${project}_${projectSku}_${chipSku}`.toUpperCase()
  return [
    driverReference(device, opaque),
    { kind: 'vbios', id: `NV_GPU_VBIOS_${board}_${packed}`, version },
  ]
}

function driverReference(device: DeviceIdentity, opaque: OpaqueFields): RimReference {
  const version = present(opaque.driver, 'driver version')
  const prefix =
    device.architecture === 'HOPPER'
      ? 'NV_GPU_DRIVER_GH100'
      : `NV_GPU_CC_DRIVER_${opaque.chipInfo ?? DEFAULT_BLACKWELL_CHIP}`
  return { kind: 'driver', id: `${prefix}_${version}`, version }
}

function present(value: string | undefined, what: string): string {
  demand(value !== undefined, 'rim-missing', `evidence names no ${what}`)
  return value
}
