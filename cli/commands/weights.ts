import { resolve } from 'node:path'
import { modelHash } from '#attestation'
import {
  EngineError,
  measureWeights,
  verityDigest,
  type Weights,
  weightsManifest,
} from '#enclave-runner/main.ts'
import { type Command, type CommandIo, EXIT, UsageError } from '../command.ts'
import { parseArguments } from '../parse-arguments.ts'
import { printable } from '../verify/printable.ts'

const USAGE = `cocoon weights: the digest by which evidence, receipts and the Registry name a model's weights.

  cocoon weights PATH [--model ID] [--manifest | --json]
  cocoon weights --verity ROOT [--model ID] [--json]

PATH is a file (its SHA-256) or a folder (the SHA-256 of its manifest: one line a file with SHA-256, size and path).
A runner computes the same from what it serves. Links are followed, so that a snapshot of Hugging Face's cache counts.

  --model ID     prints the entry too under which the Registry lists this model with these weights
  --manifest     prints the manifest instead: sha256sum of this output is the digest of a folder
  --verity ROOT  for weights on a volume of the image: its dm-verity root hash, as build.sh prints it
  --json         machine-readable

Exit code: 0 computed, 2 wrong usage, or files that cannot be read.`

export const weights: Command = {
  summary: 'print the digest of a model’s weights',
  usage: USAGE,
  run: async (io) => {
    const { values, path } = readArguments(io)
    const found = await measure(io, path, values.verity)
    if (values.manifest === true) {
      io.out(weightsManifest(found.files).replace(/\n$/, ''))
      return EXIT.ok
    }
    const entry =
      values.model === undefined ? undefined : await modelHash(values.model, found.digest)
    if (values.json === true) {
      const registry = entry === undefined ? {} : { registry: { kind: 'model', hash: entry } }
      io.out(JSON.stringify({ ...found, ...registry }, undefined, 2))
      return EXIT.ok
    }
    if (found.files.length > 0) io.out(`files    ${found.files.length}, ${bytesOf(found)} bytes`)
    io.out(`weights  ${found.digest}`)
    if (entry !== undefined) {
      io.out(printable(`model    ${values.model} with them: cocoon registry add model ${entry}`))
    }
    return EXIT.ok
  },
}

function readArguments(io: CommandIo) {
  const { values, positionals } = parseArguments(io.args, {
    allowPositionals: true,
    options: {
      model: { type: 'string' },
      verity: { type: 'string' },
      manifest: { type: 'boolean' },
      json: { type: 'boolean' },
    },
  })
  const [path] = positionals
  if ((path === undefined) === (values.verity === undefined) || positionals.length > 1) {
    throw new UsageError('name one PATH, or --verity ROOT. See: cocoon weights --help')
  }
  if (values.manifest === true && path === undefined) {
    throw new UsageError('a volume has no manifest: its root hash stands for it')
  }
  return { values, path }
}

async function measure(
  io: CommandIo,
  path: string | undefined,
  verity: string | undefined,
): Promise<Weights> {
  try {
    if (path === undefined) return { digest: verityDigest(verity ?? ''), files: [] }
    return await measureWeights(resolve(io.cwd, path))
  } catch (error) {
    if (error instanceof RangeError || error instanceof EngineError) {
      throw new UsageError(`${path ?? '--verity'}: ${error.message}`)
    }
    throw error
  }
}

function bytesOf({ files }: Weights): number {
  return files.reduce((sum, { bytes }) => sum + bytes, 0)
}
