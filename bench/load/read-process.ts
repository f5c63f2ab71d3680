import { readdirSync } from 'node:fs'
import { cpuMs, residentKib } from '../process.ts'

/** What one process uses at a moment. */
export interface ProcessReading {
  readonly cpuMs: number
  readonly residentMib: number
  readonly descriptors: number
}

const KIB_A_MIB = 1_024

/** @see proc(5) */
export function readProcess(pid: number): ProcessReading {
  return {
    cpuMs: cpuMs(pid),
    residentMib: residentKib(pid) / KIB_A_MIB,
    descriptors: readdirSync(`/proc/${pid}/fd`).length,
  }
}
