import { readFileSync } from 'node:fs'

/** Names the folder, in the environment of the processes that are measured. */
export const MEMORY_FOLDER = 'COCOON_BENCH_MEMORY'

/** What a process writes of itself, in bytes. */
export interface ToldMemory {
  readonly rss: number
  readonly heapTotal: number
  readonly heapUsed: number
  readonly external: number
  /** Absent before the first full collection. */
  readonly livingBytes: number | undefined
}

/** One process's memory by part, in MiB. */
export interface MemoryReading {
  /** JavaScript objects just after the last full collection: what grows here is kept. */
  readonly livingMib: number
  /** The same and those that the collector has not seen yet. */
  readonly heapMib: number
  /** What the heap has of the system: it grows in steps and is given back late. */
  readonly heapTotalMib: number
  /** Buffers outside the heap that belong to JavaScript objects. */
  readonly externalMib: number
  /** All else that is resident: code, SQLite's pages, sockets, streams of HTTP/2, threads, and what malloc keeps. */
  readonly nativeMib: number
}

const MIB = 1_024 * 1_024

export function readMemory(folder: string, pid: number): MemoryReading {
  // Sound: tell-memory.ts writes this and nothing else.
  const told = JSON.parse(readFileSync(`${folder}/${pid}`, 'utf8')) as ToldMemory
  const { rss, heapTotal, heapUsed, external, livingBytes } = told
  return {
    livingMib: (livingBytes ?? heapUsed) / MIB,
    heapMib: heapUsed / MIB,
    heapTotalMib: heapTotal / MIB,
    externalMib: external / MIB,
    nativeMib: (rss - heapTotal - external) / MIB,
  }
}
