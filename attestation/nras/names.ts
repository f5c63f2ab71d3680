import type { Bytes } from '#base/bytes.ts'
import { demand } from '../errors.ts'
import { parseDetachedEat } from './token.ts'

/** Names of the service's objects as collateral. */

/** @param digest of the GPU evidence that the answer is about, hex */
export function tokenName(digest: string): string {
  return `nvidia/nras/token/${digest}`
}

const KEY_SETS = 'nvidia/nras/jwks/'

/** One name per key, so that a token of an unknown key makes the key set be read again, once. */
export function keySetName(kid: string): string {
  return `${KEY_SETS}${encodeURIComponent(kid)}`
}

/** Key sets alone are believed for the place that they come from, NVIDIA's own over TLS: everything else is signed. */
export function isKeySetName(name: string): boolean {
  return name.startsWith(KEY_SETS)
}

const MAX_KID_CHARS = 256

/** The key that an answer says it is signed by, unproven. @throws AttestationError token-parse or token-key */
export function kidOfAnswer(answer: Bytes): string {
  const kid = parseDetachedEat(answer).overall.header['kid']
  const named = typeof kid === 'string' && kid.length > 0 && kid.length <= MAX_KID_CHARS
  demand(named && kid.isWellFormed(), 'token-key', 'overall token names no key')
  return kid
}
