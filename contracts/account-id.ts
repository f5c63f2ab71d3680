import type { Brand } from '#base/brand.ts'
import { ContractError } from './errors.ts'

/**
 * An account's id, which is also its memo: 32 upper-case characters of Crockford's base 32 that hold
 * 1 mode bit | 151 bits of the hash of its Keys cell | 8 bits of check (the 152 bits before it, modulo 251).
 * The Till parses the same text by the same rules (till/memo.tolk).
 */
export type AccountId = Brand<string, 'AccountId'>

/** Who may charge: the gateway's meter key within a daily cap, or only the developer's own cheques. */
export type AccountMode = 'managed' | 'sovereign'

const ALPHABET = '0123456789ABCDEFGHJKMNPQRSTVWXYZ'
const CHARS = 32
const MAX_TEXT_BYTES = 48
const CHECK_BITS = 8n
const CHECK_MODULUS = 251n
const ID_BITS = 152n
const MODE_BIT = 151n
const GROUP = /.{4}(?=.)/g

const VALUES: ReadonlyMap<string, number> = new Map([
  ...[...ALPHABET].flatMap((char, value): [string, number][] => [
    [char, value],
    [char.toLowerCase(), value],
  ]),
  ...[...'Oo'].map((char): [string, number] => [char, 0]),
  ...[...'IiLl'].map((char): [string, number] => [char, 1]),
])

/**
 * Reads a memo as the Till reads it: any case, O as 0, I and L as 1, spaces and dashes anywhere. Nothing else is
 * forgiven and nothing is guessed; undefined when it is not a memo or its check does not match.
 */
export function parseMemo(text: string): AccountId | undefined {
  if (text.length > MAX_TEXT_BYTES) return undefined
  let value = 0n
  let chars = 0
  for (const char of text) {
    if (char === ' ' || char === '-') continue
    const digit = VALUES.get(char)
    if (digit === undefined) return undefined
    value = (value << 5n) | BigInt(digit)
    chars += 1
  }
  if (chars !== CHARS) return undefined
  const number = value >> CHECK_BITS
  return number % CHECK_MODULUS === (value & 0xffn) ? encode(number) : undefined
}

/**
 * Takes only the canonical form: 32 upper-case characters, as in API keys, URLs and databases.
 * @throws ContractError `bad_account_id`
 */
export function parseAccountId(text: string): AccountId {
  const id = parseMemo(text)
  if (id === undefined || id !== text) {
    throw new ContractError('bad_account_id', 'not an account id')
  }
  return id
}

/** The id whose 152-bit number, as the contract keeps it, is `number`. */
export function accountIdFromNumber(number: bigint): AccountId {
  if (number < 0n || number >> ID_BITS !== 0n) {
    throw new ContractError('bad_account_id', 'an account id has 152 bits')
  }
  return encode(number)
}

/** The 152 bits without the check. */
export function accountNumber(id: AccountId): bigint {
  let value = 0n
  for (const char of id) value = (value << 5n) | BigInt(VALUES.get(char) ?? 0)
  return value >> CHECK_BITS
}

export function accountMode(id: AccountId): AccountMode {
  return accountNumber(id) >> MODE_BIT === 1n ? 'sovereign' : 'managed'
}

/** "0123-4567-…", for people to read and type. */
export function formatMemo(id: AccountId): string {
  return id.replace(GROUP, '$&-')
}

function encode(number: bigint): AccountId {
  let rest = (number << CHECK_BITS) | (number % CHECK_MODULUS)
  let text = ''
  for (let i = 0; i < CHARS; i++) {
    text = `${ALPHABET[Number(rest & 31n)]}${text}`
    rest >>= 5n
  }
  // Sound: built from the alphabet with its check, which is the definition of the brand.
  return text as AccountId
}
