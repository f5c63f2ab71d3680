import { type Bytes, copyBytes } from './bytes.ts'
import { gatherBytes } from './gather-bytes.ts'

/**
 * Reads a body whole, as it is after decompression: a kilobyte on the wire may be a megabyte here, so only counting
 * while it comes bounds the memory that a stranger's answer takes.
 * @returns undefined for a body of more than `maxBytes`, whose rest is cancelled
 */
export async function readBounded(
  { body }: { readonly body: ReadableStream<Uint8Array> | null },
  maxBytes: number,
): Promise<Bytes | undefined> {
  const gathered = gatherBytes(maxBytes)
  const reader = body?.getReader()
  while (reader !== undefined) {
    const { done, value } = await reader.read()
    if (done) break
    if (!gathered.add(value)) {
      // What is wrong is known: that its sender also breaks off says nothing more.
      await reader.cancel().catch(() => {})
      return undefined
    }
  }
  return copyBytes(gathered.whole())
}
