import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { migrate } from '#gateway/db/migrate.ts'
import { openSqlite, type SqliteStore } from '#gateway/node/open-sqlite.ts'
import { MIGRATIONS } from '#gateway/node/testing/open-ledger.ts'
import type { Dice } from './dice.ts'

/** Memory behind the file system where there is some: a simulated power cut needs no real flush. */
const FOLDERS = existsSync('/dev/shm') ? '/dev/shm' : tmpdir()

/** What a power cut leaves of the write-ahead log. */
export type Leaves = 'everything' | 'a torn end'

/**
 * The file of one gateway across its lives. A crash never closes the database: what lies on the disk at that moment is
 * copied and opened by the next life, with SQLite's own recovery.
 */
export class Disk {
  readonly #folder = mkdtempSync(join(FOLDERS, 'cocoon-simulation-'))
  #generation = 0
  #store: SqliteStore | undefined
  /** The log as it was before the transaction that is under way. */
  #before: Buffer | undefined

  get path(): string {
    return join(this.#folder, `gateway-${this.#generation}.db`)
  }

  open(): SqliteStore {
    this.#store = openSqlite(this.path)
    migrate(this.#store, MIGRATIONS)
    return this.#store
  }

  /** Remembers the log, so that the transaction which follows can be torn. */
  beforeWrite(): void {
    this.#before = readIfThere(`${this.path}-wal`)
  }

  /** The machine dies now. The next `open` finds what is left. */
  crash(leaves: Leaves, dice: Dice): void {
    const main = readFileSync(this.path)
    const log = readIfThere(`${this.path}-wal`)
    const left = leaves === 'everything' ? log : torn(this.#before ?? Buffer.alloc(0), log, dice)
    this.close()
    this.#generation++
    writeFileSync(this.path, main)
    if (left.length > 0) writeFileSync(`${this.path}-wal`, left)
  }

  close(): void {
    this.#store?.close()
    this.#store = undefined
    for (const end of ['', '-wal', '-shm']) rmSync(`${this.path}${end}`, { force: true })
  }

  remove(): void {
    this.close()
    rmSync(this.#folder, { recursive: true, force: true })
  }
}

function readIfThere(path: string): Buffer {
  return existsSync(path) ? readFileSync(path) : Buffer.alloc(0)
}

/** Frames are written in order: up to some byte of what changed the log is new, beyond it what was there before. */
function torn(before: Buffer, after: Buffer, dice: Dice): Buffer {
  let first = 0
  while (first < before.length && before[first] === after[first]) first++
  let last = after.length
  while (last > first && last <= before.length && before[last - 1] === after[last - 1]) last--
  const cut = first + dice.below(Math.max(1, last - first))
  return Buffer.concat([after.subarray(0, cut), before.subarray(cut)])
}
