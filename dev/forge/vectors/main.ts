/** Writes attestation/vectors anew: `node dev/forge/vectors/main.ts`. Keys are fresh, so every file changes. */
import { createHash, randomBytes } from 'node:crypto'
import { mkdir, rm, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { amdVectors } from './amd-vectors.ts'
import { intelVectors } from './intel-vectors.ts'
import { nvidiaVectors } from './nvidia-vectors.ts'
import type { ForgedVectors } from './vector-set.ts'

const FOLDER = join(import.meta.dirname, '../../../attestation/vectors')
/** 2025-12-01T00:00:00Z, so that the files do not depend on the day on which they were made. */
const NOW = 1_764_547_200

const random = (length: number): Uint8Array<ArrayBuffer> => new Uint8Array(randomBytes(length))
const sets: readonly ForgedVectors[] = [
  await amdVectors({ now: NOW, random }),
  await intelVectors({ now: NOW, random }),
  await nvidiaVectors({ now: NOW, random }),
]

await rm(FOLDER, { recursive: true, force: true })
const sha256: Record<string, string> = {}
for (const { files } of sets) {
  for (const [path, bytes] of files) {
    const file = join(FOLDER, path)
    await mkdir(dirname(file), { recursive: true })
    await writeFile(file, bytes)
    sha256[path] = createHash('sha256').update(bytes).digest('hex')
  }
}
const manifest = {
  schema: 'attestation-vectors/2',
  set: 'forged',
  note: 'Forged under development roots by dev/forge/vectors; Apache-2.0 like the rest.',
  vectors: sets.flatMap(({ vectors }) => vectors),
  sha256,
}
await writeFile(join(FOLDER, 'manifest.json'), `${JSON.stringify(manifest, null, 1)}\n`)
console.log(`${manifest.vectors.length} vectors, ${Object.keys(sha256).length} files`)
