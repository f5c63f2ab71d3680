import type { Architecture } from './device.ts'

/**
 * Least driver versions, as of 2025-07-24: the first release of the R570 branch with the fixes of NVIDIA's July 2025
 * security bulletin. Older drivers still have genuine reference values, so only a floor keeps them out.
 * @see https://nvidia.custhelp.com/app/answers/detail/a_id/5670
 */
export const DRIVER_FLOORS: Readonly<Partial<Record<Architecture, string>>> = {
  HOPPER: '570.172.08',
  BLACKWELL: '570.172.08',
}
