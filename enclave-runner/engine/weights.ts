import { createHash } from 'node:crypto'
import { createReadStream } from 'node:fs'
import { readdir, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { EngineError } from './engine-error.ts'

/** A file of the weights. */
export interface WeightsFile {
  /** Relative, with `/` between its parts. */
  readonly path: string
  readonly bytes: number
  /** SHA-256 of its content, hex. */
  readonly sha256: string
}

export interface Weights {
  /** `sha256:<hex>`: of the file, or of a folder's manifest. */
  readonly digest: string
  readonly files: readonly WeightsFile[]
}

/** Told after each piece: `done` of `total` bytes are hashed. */
export type Progress = (done: number, total: number) => void

const MAX_FILES = 10_000
const PIECE_BYTES = 4 * 1024 * 1024
const MANIFEST_HEAD = 'cocoon weights v1'

/**
 * Identifies a model by its content: one file by its SHA-256, a folder (a snapshot from Hugging Face, say) by the
 * SHA-256 of its manifest. Links are followed, so that a snapshot's links into a cache count as what they lead to.
 * Nothing is remembered between starts: size and time of a file are the host's to set, so that only its bytes prove it.
 * @throws EngineError
 */
export async function measureWeights(
  path: string,
  progress: Progress = () => {},
): Promise<Weights> {
  const isFolder = (await statOf(path)).isDirectory()
  const found = isFolder
    ? await listFiles(path, '')
    : [{ path: '', bytes: (await stat(path)).size }]
  const total = found.reduce((sum, { bytes }) => sum + bytes, 0)
  let done = 0
  const files: WeightsFile[] = []
  for (const { path: name, bytes } of found) {
    const sha256 = await hashFile(isFolder ? join(path, name) : path, bytes, (size) => {
      done += size
      progress(done, total)
    })
    files.push({ path: name, bytes, sha256 })
  }
  const [only] = files
  if (!isFolder && only !== undefined) return { digest: `sha256:${only.sha256}`, files }
  const manifest = createHash('sha256').update(weightsManifest(files)).digest('hex')
  return { digest: `sha256:${manifest}`, files }
}

/** One line a file, `<sha256> <bytes> <path>`, in the order of the paths' bytes, under a line that names the form. */
export function weightsManifest(files: readonly WeightsFile[]): string {
  const lines = files
    .toSorted((a, b) => Buffer.compare(Buffer.from(a.path), Buffer.from(b.path)))
    .map(({ path, bytes, sha256 }) => `${sha256} ${bytes} ${path}`)
  return `${[MANIFEST_HEAD, ...lines].join('\n')}\n`
}

async function listFiles(
  root: string,
  folder: string,
): Promise<{ readonly path: string; readonly bytes: number }[]> {
  const found: { path: string; bytes: number }[] = []
  for (const name of await readdir(join(root, folder))) {
    const path = folder === '' ? name : `${folder}/${name}`
    if (path.includes('\n')) throw broken('a file name has a line break')
    const entry = await statOf(join(root, path))
    if (entry.isDirectory()) found.push(...(await listFiles(root, path)))
    else if (entry.isFile()) found.push({ path, bytes: entry.size })
    else throw broken('the weights hold something that is no file')
    if (found.length > MAX_FILES) throw broken(`the weights have more than ${MAX_FILES} files`)
  }
  return found
}

async function hashFile(
  path: string,
  bytes: number,
  seen: (bytes: number) => void,
): Promise<string> {
  const hash = createHash('sha256')
  let length = 0
  for await (const piece of createReadStream(path, { highWaterMark: PIECE_BYTES })) {
    // Sound: a read stream without an encoding yields buffers.
    const chunk = piece as Buffer
    hash.update(chunk)
    length += chunk.length
    seen(chunk.length)
  }
  if (length !== bytes) throw broken('a file changed while it was read')
  return hash.digest('hex')
}

async function statOf(path: string) {
  try {
    return await stat(path)
  } catch (cause) {
    throw new EngineError('engine_failed', 'the weights cannot be read', { cause })
  }
}

function broken(message: string): EngineError {
  return new EngineError('engine_failed', message)
}
