import type { Random, UnixSeconds } from '#base/brand.ts'
import { unixSeconds } from '#base/brand.ts'
import { type Bytes, concat, equalBytes, fromHex, hex, utf8 } from '#base/bytes.ts'
import type { MacKey } from '#protocol'

/** How long an owner may take to sign. */
export const SIGN_IN_SECONDS = 300

const TIME_BYTES = 4
const RANDOM_BYTES = 4
const TAG_BYTES = 8
const NONCE = /^[0-9a-f]{32}$/

/**
 * A nonce for one subject that this gateway can tell again without having kept it: its end, randomness, and a MAC over both and
 * the subject. Asking for one costs no store; only a used one is kept.
 */
export function makeSignInNonce(
  mac: MacKey,
  { subject, now }: { readonly subject: string; readonly now: UnixSeconds },
  random: Random,
): { readonly nonce: string; readonly expiresAt: UnixSeconds } {
  const expiresAt = unixSeconds(now + SIGN_IN_SECONDS)
  const time = new Uint8Array(TIME_BYTES)
  new DataView(time.buffer).setUint32(0, expiresAt)
  const body = concat(time, random(RANDOM_BYTES))
  return { nonce: hex(concat(body, tagOf(mac, subject, body))), expiresAt }
}

/** When a nonce of ours for this subject ends; undefined for any other text. */
export function readSignInNonce(
  mac: MacKey,
  subject: string,
  nonce: string,
): UnixSeconds | undefined {
  if (!NONCE.test(nonce)) return undefined
  const bytes = fromHex(nonce)
  const body = bytes.slice(0, TIME_BYTES + RANDOM_BYTES)
  if (!equalBytes(bytes.subarray(body.length), tagOf(mac, subject, body))) return undefined
  return unixSeconds(new DataView(body.buffer).getUint32(0))
}

function tagOf(mac: MacKey, subject: string, body: Bytes): Bytes {
  return mac.mac(utf8(subject), body).subarray(0, TAG_BYTES)
}
