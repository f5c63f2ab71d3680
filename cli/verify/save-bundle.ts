import { writeFile } from 'node:fs/promises'
import { resolve } from 'node:path'
import { encodeBundle } from '#attestation'
import type { UnixSeconds } from '#base/brand.ts'
import { SAVED } from '#client/documents'
import { type CommandIo, UsageError } from '../command.ts'
import type { Judgement } from './judge.ts'
import type { Loaded } from './loaded.ts'

/**
 * Writes the collateral that was used, with the document and its nonce: `cocoon verify FILE --bundle FILE` repeats the
 * verification without a network. Holds no roots: those are the verifier's own.
 */
export async function saveBundle(
  io: CommandIo,
  file: string,
  content: {
    readonly loaded: Loaded
    readonly judgement: Judgement
    readonly created: UnixSeconds
  },
): Promise<void> {
  const { loaded, judgement, created } = content
  // Sound: encodeBundle returns an object.
  const bundle = encodeBundle({ created, collateral: judgement.collateral }) as object
  try {
    await writeFile(
      resolve(io.cwd, file),
      `${JSON.stringify({ ...bundle, [SAVED]: loaded.saved })}\n`,
    )
  } catch (cause) {
    throw new UsageError(`cannot write ${file}`, { cause })
  }
}
