import type { Random, UnixSeconds } from '#base/brand.ts'
import { unixSeconds } from '#base/brand.ts'
import { type Bytes, concat, equalBytes, fromHex, hex, utf8 } from '#base/bytes.ts'
import type { MacKey } from '#protocol'

/** Sizes in bytes; `seconds`: how long whoever asked may take. */
interface NonceKind {
  readonly random: number
  readonly tag: number
  readonly seconds: number
}

/** 16 bytes: what wallets and owners sign. */
export const SIGN_IN: NonceKind = { random: 4, tag: 8, seconds: 300 }
/** 16 bytes: for the owner of a host's wallet, who may have to fetch a phone. */
export const HOST_WALLET: NonceKind = { ...SIGN_IN, seconds: 900 }
/** 32 bytes: it is the nonce of a quote too. */
export const REGISTRATION: NonceKind = { random: 12, tag: 16, seconds: 300 }

export interface NonceUse {
  readonly kind: NonceKind
  readonly subject: string
  readonly now: UnixSeconds
}

const TIME_BYTES = 4
const HEX = /^(?:[0-9a-f]{2})+$/

/**
 * A nonce for one subject that this gateway can tell again without having kept it: its end, randomness, and a MAC over both and
 * the subject. Asking for one costs no store, so that no number of askers keeps others out; only a used one is kept.
 * @param mac a key of this use alone
 */
export function makeOwnNonce(
  mac: MacKey,
  { kind, subject, now }: NonceUse,
  random: Random,
): { readonly nonce: string; readonly expiresAt: UnixSeconds } {
  const expiresAt = unixSeconds(now + kind.seconds)
  const time = new Uint8Array(TIME_BYTES)
  new DataView(time.buffer).setUint32(0, expiresAt)
  const body = concat(time, random(kind.random))
  return { nonce: hex(concat(body, tagOf(mac, kind, subject, body))), expiresAt }
}

/** When a nonce of ours for this subject ends; undefined for any other text, and for one that is over. */
export function readOwnNonce(
  mac: MacKey,
  { kind, subject, now }: NonceUse,
  nonce: string,
): UnixSeconds | undefined {
  const bodyBytes = TIME_BYTES + kind.random
  if (nonce.length !== 2 * (bodyBytes + kind.tag) || !HEX.test(nonce)) return undefined
  const bytes = fromHex(nonce)
  const body = bytes.slice(0, bodyBytes)
  if (!equalBytes(bytes.subarray(bodyBytes), tagOf(mac, kind, subject, body))) return undefined
  const expires = unixSeconds(new DataView(body.buffer).getUint32(0))
  return expires > now ? expires : undefined
}

function tagOf(mac: MacKey, kind: NonceKind, subject: string, body: Bytes): Bytes {
  return mac.mac(utf8(subject), body).subarray(0, kind.tag)
}
