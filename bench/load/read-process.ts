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

/** The gateway's memory by part, in MiB, as its metrics say. */
export interface MemoryReading {
  /** Living JavaScript objects and those that the collector has not seen yet. */
  readonly heapMib: number
  /** What the heap has of the system: it grows in steps and is given back late. */
  readonly heapTotalMib: number
  /** Buffers outside the heap that belong to JavaScript objects. */
  readonly externalMib: number
  /** All else that is resident: code, SQLite's pages, sockets, streams of HTTP/2, threads, and what malloc keeps. */
  readonly nativeMib: number
}

const MIB = 1_024 * 1_024

export async function readMemory(origin: string): Promise<MemoryReading> {
  const text = await (await fetch(`${origin}/metrics`)).text()
  const read = (name: string): number =>
    Number(new RegExp(`^${name} ([0-9.e+]+)`, 'm').exec(text)?.[1] ?? Number.NaN) / MIB
  const heapTotalMib = read('nodejs_heap_size_total_bytes')
  const externalMib = read('nodejs_external_memory_bytes')
  return {
    heapMib: read('nodejs_heap_size_used_bytes'),
    heapTotalMib,
    externalMib,
    nativeMib: read('process_resident_memory_bytes') - heapTotalMib - externalMib,
  }
}
