import type { Bytes } from '#base/bytes.ts'

/** SHA-1 names issuers in OCSP (RFC 6960) and nothing else. */
export type DigestName = 'SHA-1' | 'SHA-256' | 'SHA-384'

export async function digestOf(name: DigestName, bytes: Bytes): Promise<Bytes> {
  return new Uint8Array(await crypto.subtle.digest(name, bytes))
}
