import { type Bytes, concat, hex, utf8 } from '#base/bytes.ts'
import { digestOf } from '../digest.ts'

/** Far above what a gateway's machines share: some ten certificates, manifests and answers each. */
const MAX_KNOWN = 4_096

/** Digests of questions whose answer was "good", oldest first. */
const known = new Set<string>()

/**
 * Verifies something that published collateral repeats with every machine (links between authorities, lists,
 * manifests), and does not verify again what was found good: the answer depends on the given bytes alone. Only good
 * answers are kept, by SHA-256 of everything that they depend on, and no more than a few thousand. Never used for
 * evidence itself.
 */
export async function verifyOnce(
  what: string,
  parts: readonly Bytes[],
  verify: () => Promise<boolean>,
): Promise<boolean> {
  // Lengths first, so that no two lists of parts read the same.
  const shape = utf8(`${what} ${parts.map(({ length }) => length).join()}\n`)
  const key = hex(await digestOf('SHA-256', concat(shape, ...parts)))
  const good = known.delete(key) || (await verify())
  if (!good) return false
  known.add(key)
  if (known.size > MAX_KNOWN) {
    const [oldest] = known
    if (oldest !== undefined) known.delete(oldest)
  }
  return true
}
