import type { Nano } from '#base/nano.ts'
import { type AccountId, friendlyAddress, parseAccountId } from '#contracts/pure'

const KEY = /^sk-coc-([0-9A-HJKMNP-TV-Z]{32})-/

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
