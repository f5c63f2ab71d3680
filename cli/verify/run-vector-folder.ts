import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { AttestationError, runVectors, totalOf, type VectorOutcome } from '#attestation'
import { copyBytes } from '#base/bytes.ts'
import { type CommandIo, EXIT, UsageError } from '../command.ts'
import { printable } from './printable.ts'

/**
 * Judges every vector of a folder by the verifier's public entry points, and prints one line for each and the total
 * last. @returns 0 when none differs from its manifest, 1 otherwise
 * @throws UsageError when there is no manifest of schema attestation-vectors/2
 */
export async function runVectorFolder(io: CommandIo, folder: string): Promise<number> {
  const manifest = await readManifest(join(folder, 'manifest.json'))
  const read = async (path: string) => copyBytes(await readFile(join(folder, path)))
  const outcomes: VectorOutcome[] = []
  try {
    for await (const outcome of runVectors(manifest, read)) {
      outcomes.push(outcome)
      io.out(lineOf(outcome))
    }
  } catch (cause) {
    if (!(cause instanceof AttestationError)) throw cause
    throw new UsageError(`the manifest cannot be used: ${printable(cause.message)}`, { cause })
  }
  const { passed, failed, skipped } = totalOf(outcomes)
  io.out(`${passed} passed, ${failed} failed, ${skipped} skipped`)
  return failed === 0 ? EXIT.ok : EXIT.failed
}

async function readManifest(path: string): Promise<unknown> {
  try {
    const manifest: unknown = JSON.parse(await readFile(path, 'utf8'))
    return manifest
  } catch (cause) {
    throw new UsageError(`cannot read ${path} as JSON`, { cause })
  }
}

function lineOf({ id, status, expected, got, detail }: VectorOutcome): string {
  const mark = { passed: 'pass', failed: 'FAIL', skipped: 'skip' }[status]
  const because = detail === '' ? '' : `  [${detail}]`
  return printable(`${mark}  ${id}  expected ${expected}  got ${got}${because}`)
}
