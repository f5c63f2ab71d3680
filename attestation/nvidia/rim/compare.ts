import { equalBytes } from '#base/bytes.ts'
import type { SpdmTranscript } from '../spdm.ts'
import type { ReferenceValue } from './manifest.ts'

/** How one manifest's active values compare with a device's measurements. */
export interface Comparison {
  readonly active: number
  /** Indices whose measurement is missing or is none of the alternatives. */
  readonly mismatch: readonly number[]
}

/** Video decoder 0's own measurement: meaningful only while it is enabled. */
const NVDEC0_INDEX = 35
export const NVDEC0 = { enabled: 0xaa, disabled: 0x55 } as const

/**
 * Compares a device's measurements with reference values: RIM index i is SPDM block i + 1. A missing block is a
 * mismatch. Index 35 is left out if, and only if, the device says that video decoder 0 is disabled.
 * @see https://github.com/NVIDIA/nvtrust (local GPU verifier, measurement comparison)
 */
export function compareMeasurements(
  { measurements, opaque }: Pick<SpdmTranscript, 'measurements' | 'opaque'>,
  active: readonly ReferenceValue[],
): Comparison {
  const mismatch = active
    .filter(({ index, alternatives }) => {
      if (index === NVDEC0_INDEX && opaque.nvdec0 === NVDEC0.disabled) return false
      const measured = measurements[index]
      return !alternatives.some((value) => measured !== undefined && equalBytes(value, measured))
    })
    .map(({ index }) => index)
  return { active: active.length, mismatch }
}

/** Indices that two manifests both claim: then neither is the reference. */
export function conflictingIndices(
  a: readonly ReferenceValue[],
  b: readonly ReferenceValue[],
): readonly number[] {
  const indices = new Set(a.map(({ index }) => index))
  return b.map(({ index }) => index).filter((index) => indices.has(index))
}
