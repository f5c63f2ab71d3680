import {
  closeSync,
  fdatasync,
  fsyncSync,
  ftruncateSync,
  openSync,
  readFileSync,
  renameSync,
  rmSync,
  writeSync,
} from 'node:fs'
import { dirname } from 'node:path'
import { setTimeout as wait } from 'node:timers/promises'
import { promisify } from 'node:util'
import { OutboxError } from './outbox-error.ts'

/** An append-only file of lines that survives a kill at any byte. */
export interface Journal {
  /** Bytes of the file. */
  readonly size: number
  /**
   * Appends lines. They are in the operating system's hands when this returns, so that they survive a
   * kill of this process; the disk follows some 20 ms later.
   */
  append(lines: readonly string[]): void
  /** Replaces the whole file by these lines, atomically. */
  rewrite(lines: readonly string[]): void
  close(): Promise<void>
}

const OWNER_ONLY = 0o600
const SYNC_EVERY_MS = 20
const sync = promisify(fdatasync)

/**
 * Opens or makes the file and returns its complete lines. A torn last line, the mark of a kill in
 * mid-write, is cut off.
 */
export function openJournal(path: string): { journal: Journal; lines: readonly string[] } {
  let fd = openSync(path, 'a+', OWNER_ONLY)
  syncFolderOf(path)
  const text = readFileSync(fd, 'utf8')
  const complete = text.slice(0, text.lastIndexOf('\n') + 1)
  let size = Buffer.byteLength(complete)
  ftruncateSync(fd, size)
  let isClosed = false
  let isClosing = false
  let syncing: Promise<void> | undefined
  let isDirty = false

  const flush = async (): Promise<void> => {
    while (isDirty && !isClosed) {
      isDirty = false
      await sync(fd)
      // Lines that come meanwhile share the next sync.
      if (!isClosing) await wait(SYNC_EVERY_MS)
    }
  }
  const schedule = (): Promise<void> => {
    syncing ??= flush().finally(() => {
      syncing = undefined
      // A line may have come after the last look and before this one.
      if (isDirty && !isClosed) void schedule().catch(() => {})
    })
    return syncing
  }

  const journal: Journal = {
    get size() {
      return size
    },
    append(lines) {
      if (isClosed) throw new OutboxError('closed', 'the journal is closed')
      const bytes = Buffer.from(joined(lines))
      try {
        size += writeAll(fd, bytes, size)
      } catch (error) {
        // A full disk took a part of it: the next line must not go on from there.
        ftruncateSync(fd, size)
        throw error
      }
      isDirty = true
      void schedule().catch(() => {})
    },
    rewrite(lines) {
      const next = `${path}.next`
      const replacement = openSync(next, 'w', OWNER_ONLY)
      try {
        const written = writeAll(replacement, Buffer.from(joined(lines)), 0)
        fsyncSync(replacement)
        renameSync(next, path)
        size = written
      } catch (error) {
        closeSync(replacement)
        rmSync(next, { force: true })
        throw error
      }
      const old = fd
      fd = replacement
      closeSync(old)
      syncFolderOf(path)
    },
    async close() {
      isClosing = true
      await schedule()
      isClosed = true
      closeSync(fd)
    },
  }
  return { journal, lines: complete.split('\n').slice(0, -1) }
}

function joined(lines: readonly string[]): string {
  return lines.map((line) => `${line}\n`).join('')
}

/** Until its folder is on the disk, a power cut brings back the file that had this name before, without what came since. */
function syncFolderOf(path: string): void {
  let folder: number
  try {
    folder = openSync(dirname(path), 'r')
  } catch {
    // Windows opens no folder, and its file systems keep the order by themselves.
    return
  }
  try {
    fsyncSync(folder)
  } finally {
    closeSync(folder)
  }
}

/** @param at the file's end: only a file that was opened for appending knows it by itself */
function writeAll(fd: number, bytes: Uint8Array, at: number): number {
  let written = 0
  while (written < bytes.length) {
    written += writeSync(fd, bytes, written, bytes.length - written, at + written)
  }
  return written
}
