import type { Random } from '#base/brand.ts'
import { type Bytes, equalBytes, utf8 } from '#base/bytes.ts'
import { parseMemo } from '#contracts/pure'
import type { MacKey } from '#protocol'
import { type AccountId, type KeyId, keyId } from '../db/ids.ts'

const ALPHABET = '0123456789ABCDEFGHJKMNPQRSTVWXYZ'
const BITS_PER_CHAR = 5
/** 130 bits. */
const SECRET_CHARS = 26
/** 40 bits: a guess passes once in 10^12, and then meets a look-up. */
const MAC_CHARS = 8
const ID_CHARS = 20
const SHOWN_CHARS = 4

const SHAPE = /^sk-coc-([0-9A-HJKMNP-TV-Z]{32})-([0-9A-HJKMNP-TV-Z]{34})$/

const bytesFor = (chars: number): number => Math.ceil((chars * BITS_PER_CHAR) / 8)

/** Crockford base 32 of the first `chars` x 5 bits. */
function base32(bytes: Uint8Array, chars: number): string {
  let text = ''
  let value = 0
  let bits = 0
  for (const byte of bytes.subarray(0, bytesFor(chars))) {
    value = (value << 8) | byte
    bits += 8
    while (bits >= BITS_PER_CHAR && text.length < chars) {
      bits -= BITS_PER_CHAR
      text += ALPHABET[(value >> bits) & 31]
    }
    value &= (1 << bits) - 1
  }
  return text
}

/**
 * A new key's text: `sk-coc-<account id>-<secret><mac>`. It names its account, so that a look-up needs no global index,
 * and ends in a MAC, so that a made-up key costs nobody a look-up (M17).
 */
export function makeApiKey(account: AccountId, mac: MacKey, random: Random): string {
  const secret = base32(random(bytesFor(SECRET_CHARS)), SECRET_CHARS)
  const body = `sk-coc-${account}-${secret}`
  return `${body}${macOf(body, mac)}`
}

/** The account that a key names, or undefined when this gateway never made it. */
export function readApiKey(text: string, mac: MacKey): AccountId | undefined {
  const match = SHAPE.exec(text)
  const account = parseMemo(match?.[1] ?? '')
  if (account === undefined) return undefined
  const body = text.slice(0, -MAC_CHARS)
  const same = equalBytes(utf8(macOf(body, mac)), utf8(text.slice(-MAC_CHARS)))
  return same ? account : undefined
}

function macOf(body: string, mac: MacKey): string {
  const tag: Bytes = mac.mac(utf8(body))
  return base32(tag, MAC_CHARS)
}

/** What lists show of a key. */
export function maskApiKey(text: string): string {
  return `sk-coc-…${text.slice(-SHOWN_CHARS)}`
}

export function newKeyId(random: Random): KeyId {
  return keyId(`key_${base32(random(bytesFor(ID_CHARS)), ID_CHARS).toLowerCase()}`)
}
