import { createHash, randomBytes } from 'node:crypto'
import { mkdir, open, readdir, rename, rm, stat } from 'node:fs/promises'
import { join } from 'node:path'
import type { CollateralEntry, CollateralStore } from '#attestation'
import { type Clock, toSeconds } from '#base/brand.ts'
import { fromUtf8 } from '#base/bytes.ts'
import { collateralOfText, collateralText } from '../runners/collateral-text.ts'

const MAX_FILES = 1_024
/** A body of 1 MiB, the most that is accepted, in base64 and with its headers. */
const MAX_FILE_BYTES = 2 * 1_048_576
/** What this store writes, drafts of a killed process included; nothing else is ever deleted. */
const OWN_FILE = /^(?:[0-9a-f]{64}\.json|[0-9a-f]{32}\.draft)$/

/**
 * Keeps collateral in files, each named by the hash of its entry's name, so that no name can leave the folder. Written
 * whole or not at all; at most 1,024 files, the oldest go first. It never fails: a broken or full disk means asking the
 * vendors again. What it holds is verified on every use like anything fetched.
 */
export function diskStore(folder: string, clock: Clock): CollateralStore {
  const pathOf = (name: string): string =>
    join(folder, `${createHash('sha256').update(name).digest('hex')}.json`)
  return {
    get: (name) => readEntry(pathOf(name), name, clock).catch(() => undefined),
    put: (entry) => writeEntry(folder, pathOf(entry.name), entry).catch(() => undefined),
  }
}

async function readEntry(
  path: string,
  name: string,
  clock: Clock,
): Promise<CollateralEntry | undefined> {
  const file = await open(path, 'r')
  try {
    const { size } = await file.stat()
    if (size > MAX_FILE_BYTES) return undefined
    return collateralOfText(fromUtf8(await file.readFile()), name, toSeconds(clock()))
  } finally {
    await file.close()
  }
}

async function writeEntry(folder: string, path: string, entry: CollateralEntry): Promise<void> {
  const text = collateralText(entry)
  if (text.length > MAX_FILE_BYTES) return
  await mkdir(folder, { recursive: true, mode: 0o700 })
  await makeRoom(folder)
  const draft = join(folder, `${randomBytes(16).toString('hex')}.draft`)
  try {
    const file = await open(draft, 'wx', 0o600)
    await file.writeFile(text).finally(() => file.close())
    await rename(draft, path)
  } catch (cause) {
    await rm(draft, { force: true })
    throw cause
  }
}

async function makeRoom(folder: string): Promise<void> {
  const names = (await readdir(folder)).filter((name) => OWN_FILE.test(name))
  if (names.length < MAX_FILES) return
  const dated = await Promise.all(
    names.map(async (name) => ({ name, time: (await stat(join(folder, name))).mtimeMs })),
  )
  const oldest = dated.sort((a, b) => a.time - b.time).slice(0, names.length - MAX_FILES + 1)
  await Promise.all(oldest.map(({ name }) => rm(join(folder, name), { force: true })))
}
