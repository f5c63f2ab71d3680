import { closeSync, openSync, readFileSync, readSync } from 'node:fs'

const BLOCK_BYTES = 4 * 1024 * 1024
const RANGE = /^([0-9a-f]+)-([0-9a-f]+) r/

/**
 * Which of these texts stand anywhere in the writable memory of another process of ours: heap, buffers, strings,
 * freed pages. Linux only; undefined elsewhere.
 */
export function findInMemory(pid: number, texts: readonly string[]): Set<string> | undefined {
  if (process.platform !== 'linux') return undefined
  const memory = openSync(`/proc/${pid}/mem`, 'r')
  const found = new Set<string>()
  try {
    for (const [from, to] of ranges(pid)) searchRange(memory, { from, to, texts, found })
  } finally {
    closeSync(memory)
  }
  return found
}

/** Everything that may hold data; mapped files of code and libraries are left out. */
function ranges(pid: number): [number, number][] {
  return readFileSync(`/proc/${pid}/maps`, 'utf8')
    .split('\n')
    .flatMap((line) => {
      const match = RANGE.exec(line)
      const isFile = line.includes(' /')
      const isKernel = line.endsWith('[vsyscall]') || line.endsWith('[vvar]')
      if (match === null || isFile || isKernel) return []
      return [[Number.parseInt(match[1] ?? '', 16), Number.parseInt(match[2] ?? '', 16)]]
    })
}

function searchRange(
  memory: number,
  range: {
    readonly from: number
    readonly to: number
    readonly texts: readonly string[]
    readonly found: Set<string>
  },
): void {
  const { from, to, texts, found } = range
  // Blocks overlap, so that a text across their border is seen.
  const overlap = Math.max(...texts.map((text) => 2 * text.length))
  const block = Buffer.alloc(BLOCK_BYTES)
  for (let at = from; at < to; at += BLOCK_BYTES - overlap) {
    const length = readBlock(memory, block, at, Math.min(BLOCK_BYTES, to - at))
    const bytes = block.subarray(0, length)
    for (const text of texts) {
      // V8 keeps strings in one byte a character, or in two.
      if (bytes.includes(text, 0, 'latin1') || bytes.includes(text, 0, 'utf16le')) found.add(text)
    }
  }
}

/** A page that went away since the list was read is empty. */
function readBlock(memory: number, block: Buffer, at: number, length: number): number {
  try {
    return readSync(memory, block, 0, length, at)
  } catch {
    return 0
  }
}
