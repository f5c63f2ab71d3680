import { type Bytes, base64url, concat, fromBase64url, fromHex, hex } from '#base/bytes.ts'
import { ContractError } from './errors.ts'

/** An address as people write it: raw (`0:<64 hex>`), or one of the 48-character friendly forms. */
export interface ParsedAddress {
  /** `0:<64 lower-case hex>`, or `-1:…` in the masterchain. */
  readonly raw: string
  /** What the friendly form asks of a sender; null for the raw form, which does not say. */
  readonly bounceable: boolean | null
  /** Made by a wallet in test mode: money sent there on mainnet is probably nobody's. */
  readonly testOnly: boolean
}

const RAW = /^(0|-1):([0-9a-f]{64})$/
const FRIENDLY = /^[A-Za-z0-9_-]{48}$/
const BOUNCEABLE = 0x11
const NOT_BOUNCEABLE = 0x51
const TEST_ONLY = 0x80
const WORKCHAINS: Readonly<Record<number, string>> = { 0: '0', 255: '-1' }
const BODY_BYTES = 34

/** @throws ContractError `bad_address` */
export function parseAddress(text: string): ParsedAddress {
  const trimmed = text.trim()
  if (RAW.test(trimmed)) return { raw: trimmed, bounceable: null, testOnly: false }
  const url = trimmed.replaceAll('+', '-').replaceAll('/', '_')
  if (!FRIENDLY.test(url)) throw new ContractError('bad_address', 'not a TON address')
  const bytes = fromBase64url(url)
  const body = bytes.slice(0, BODY_BYTES)
  if (hex(crc16(body)) !== hex(bytes.slice(BODY_BYTES))) {
    throw new ContractError('bad_address', 'a character of this address is wrong')
  }
  const [tag = 0, workchain = 0] = body
  const form = tag & ~TEST_ONLY
  const chain = WORKCHAINS[workchain]
  if ((form !== BOUNCEABLE && form !== NOT_BOUNCEABLE) || chain === undefined) {
    throw new ContractError('bad_address', 'not an address of a kind that this knows')
  }
  return {
    raw: `${chain}:${hex(body.slice(2))}`,
    bounceable: form === BOUNCEABLE,
    testOnly: (tag & TEST_ONLY) !== 0,
  }
}

/**
 * An address that money may be sent to for good: in the basechain, and not one of a test wallet on mainnet.
 * @returns its raw form
 * @throws ContractError `bad_address`
 */
export function payableAddress(text: string, network: 'mainnet' | 'testnet'): string {
  const { raw, testOnly } = parseAddress(text)
  if (!raw.startsWith('0:')) {
    throw new ContractError('bad_address', 'wallets live in workchain 0, not in the masterchain')
  }
  if (testOnly && network === 'mainnet') {
    throw new ContractError('bad_address', 'this address is of a test network')
  }
  if (raw === `0:${'0'.repeat(64)}`) {
    throw new ContractError('bad_address', 'nobody has the key of the zero address')
  }
  return raw
}

/** The 48-character form that wallets read. @throws RangeError for anything but a raw basechain address */
export function friendlyAddress(
  raw: string,
  options: { readonly bounceable?: boolean } = {},
): string {
  const [, workchain, hash = ''] = RAW.exec(raw) ?? []
  if (workchain !== '0') throw new RangeError('not a raw basechain address')
  const tag = options.bounceable === false ? NOT_BOUNCEABLE : BOUNCEABLE
  const body = concat(Uint8Array.of(tag, 0), fromHex(hash))
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
