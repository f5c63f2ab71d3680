import type { SevProduct } from '../anchors.ts'
import type { SevVersion } from './report.ts'
import type { SevTcb } from './tcb.ts'

export interface SevFloor {
  /** Least security versions of reported, committed and launch TCB. */
  readonly tcb: SevTcb
  /**
   * Least microcode version by silicon, since each has its own count: CPUID model and stepping in hex ("11.1").
   * Silicon that is not listed is refused. `any`: only `tcb.ucode` counts.
   */
  readonly ucodeBySilicon: Readonly<Record<string, number>> | 'any'
  /** Least committed firmware version. */
  readonly firmware: SevVersion
}

/**
 * Least security versions accepted by default, dated 2026-11; releases raise them with AMD's bulletins.
 *
 * Microcode: the first revision whose loader checks signatures soundly (EntrySign, CVE-2024-56161, AMD-SB-3019), by
 * silicon, as the Linux kernel lists the last unsound ones (arch/x86/kernel/cpu/microcode/amd.c). The other parts and
 * the firmware are those that production fleets ran together with that microcode.
 *
 * Milan has no floor, so it is refused unless a policy gives it one: its root seed can be read by software, after
 * which an attacker signs reports for any firmware (arXiv 2605.12990), and no security version tells them apart.
 */
export const SEV_TCB_FLOORS: Readonly<Partial<Record<SevProduct, SevFloor>>> = {
  Genoa: {
    tcb: { fmc: 0, bl: 7, tee: 0, snp: 23, ucode: 0 },
    // Genoa B1, Genoa-X B2, Bergamo A1, Bergamo and Siena A2.
    ucodeBySilicon: { '11.1': 0x54, '11.2': 0x4f, 'a0.1': 0x17, 'a0.2': 0x19 },
    firmware: { major: 1, minor: 55, build: 40 },
  },
  Turin: {
    tcb: { fmc: 0, bl: 1, tee: 0, snp: 2, ucode: 0 },
    // Turin C1, Turin Dense B0.
    ucodeBySilicon: { '2.1': 0x47, '11.0': 0x47 },
    firmware: { major: 1, minor: 55, build: 61 },
  },
}
