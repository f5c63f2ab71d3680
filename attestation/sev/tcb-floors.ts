import type { SevProduct } from '../anchors.ts'
import type { SevFloor } from './policy.ts'

/**
 * Least security versions accepted by default, dated 2025-12. Genoa's is the floor that a peer enforces
 * (Tinfoil); Milan's and Turin's are the oldest that production fleets still ran then in stored reports.
 * Raise them when AMD publishes a bulletin.
 */
export const SEV_TCB_FLOORS: Readonly<Record<SevProduct, SevFloor>> = {
  Milan: {
    tcb: { fmc: 0, bl: 4, tee: 0, snp: 24, ucode: 219 },
    firmware: { major: 1, minor: 55, build: 29 },
  },
  Genoa: {
    tcb: { fmc: 0, bl: 7, tee: 0, snp: 14, ucode: 72 },
    firmware: { major: 1, minor: 55, build: 21 },
  },
  Turin: {
    tcb: { fmc: 0, bl: 1, tee: 0, snp: 2, ucode: 71 },
    firmware: { major: 1, minor: 55, build: 61 },
  },
}
