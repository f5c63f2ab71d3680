import type { Brand } from '#base/brand.ts'

/** 32 Crockford base32 characters: who may spend and withdraw, and the deposit memo. */
export type AccountId = Brand<string, 'AccountId'>
/** `key_` + 20 Crockford characters: names an API key without revealing it. */
export type KeyId = Brand<string, 'KeyId'>
/** `req_` + 32 hex: 128 bits of the gateway's own randomness (H21). */
export type RequestId = Brand<string, 'RequestId'>
/** `run_…`: one model on one machine. */
export type RunnerId = Brand<string, 'RunnerId'>
/** Digest of an attested session's document. */
export type SessionId = Brand<string, 'SessionId'>
/** A raw TON address `0:<64 hex>`: a host's wallet, or the Till. */
export type TonAddress = Brand<string, 'TonAddress'>

const PATTERNS = {
  account: /^[0-9A-HJKMNP-TV-Z]{32}$/,
  key: /^key_[0-9a-hjkmnp-tv-z]{20}$/,
  request: /^req_[0-9a-f]{32}$/,
  runner: /^run_[0-9a-z]{1,60}$/,
  session: /^[\x21-\x7e]{1,128}$/,
  address: /^(?:0|-1):[0-9a-f]{64}$/,
} as const

function checked(name: keyof typeof PATTERNS, text: string): string {
  if (!PATTERNS[name].test(text)) throw new RangeError(`not a ${name} id`)
  return text
}

// Sound: each pattern is the definition of its brand.
export const accountId = (text: string): AccountId => checked('account', text) as AccountId
export const keyId = (text: string): KeyId => checked('key', text) as KeyId
export const requestId = (text: string): RequestId => checked('request', text) as RequestId
export const runnerId = (text: string): RunnerId => checked('runner', text) as RunnerId
export const sessionId = (text: string): SessionId => checked('session', text) as SessionId
export const tonAddress = (text: string): TonAddress => checked('address', text) as TonAddress
