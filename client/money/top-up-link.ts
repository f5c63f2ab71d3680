import { type Bytes, base64url, concat, fromHex } from '#base/bytes.ts'
import type { Nano } from '#base/nano.ts'
import { type AccountId, parseAccountId } from '#contracts/pure'

const KEY = /^sk-coc-([0-9A-HJKMNP-TV-Z]{32})-/
/** A contract that returns what it cannot take. */
const BOUNCEABLE = 0x11
const RAW = /^0:([0-9a-f]{64})$/

/** The account that an API key belongs to: the key carries it. */
export function accountOfKey(apiKey: string | undefined): AccountId | undefined {
  const text = KEY.exec(apiKey ?? '')?.[1]
  try {
    return text === undefined ? undefined : parseAccountId(text)
  } catch {
    return undefined
  }
}

/**
 * A wallet link for a deposit, made of our own memo and a pinned Till alone: an address that somebody answers
 * outside the seal is phishing until shown otherwise (M5).
 */
export function topUpLink(to: {
  /** Raw address. */
  readonly till: string
  readonly account: AccountId
  readonly amount?: Nano
}): string {
  const amount = to.amount === undefined ? '' : `amount=${to.amount}&`
  return `ton://transfer/${friendlyAddress(to.till)}?${amount}text=${to.account}`
}

/** The 48-character form that wallets read. @throws RangeError for anything but a raw basechain address */
export function friendlyAddress(raw: string): string {
  const hash = RAW.exec(raw)?.[1]
  if (hash === undefined) throw new RangeError('not a raw basechain address')
  const body = concat(Uint8Array.of(BOUNCEABLE, 0), fromHex(hash))
  return base64url(concat(body, crc16(body)))
}

/** CRC-16/XMODEM, as TON addresses end with. */
function crc16(bytes: Uint8Array): Bytes {
  let crc = 0
  for (const byte of bytes) {
    crc ^= byte << 8
    for (let bit = 0; bit < 8; bit++) crc = (crc & 0x8000 ? (crc << 1) ^ 0x1021 : crc << 1) & 0xffff
  }
  return Uint8Array.of(crc >> 8, crc & 0xff)
}
