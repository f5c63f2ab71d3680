import { textMember } from '#base/members.ts'
import type { Nano } from '#base/nano.ts'
import {
  type AccountOwner,
  newAccountOwner,
  ownerFromJson,
  ownerToJson,
  signAccountRequest,
  signingKey,
} from '#client'
import { clock, random } from './browser.ts'
import { call, Refused } from './gateway.ts'
import { saveSpendKey } from './spend-keys.ts'

export type { AccountOwner } from '#client'

/** Makes an account's keys, here. Nothing is sent anywhere. */
export function makeOwner(mode: AccountOwner['mode']): Promise<AccountOwner> {
  return newAccountOwner({ mode, random })
}

/** The recovery file as text: the only copy there will ever be. */
export function recoveryText(owner: AccountOwner): string {
  return `${JSON.stringify(ownerToJson(owner), null, 2)}\n`
}

/** @throws RangeError when the file is not ours or was altered */
export async function openRecoveryText(text: string): Promise<AccountOwner> {
  let json: unknown
  try {
    json = JSON.parse(text)
  } catch {
    throw new RangeError('This is not a recovery file.')
  }
  return ownerFromJson(json)
}

/** Asks the gateway for an API key, by a signature of the owner's key. */
export async function requestKey(owner: AccountOwner): Promise<string> {
  const nowSeconds = Math.floor(clock() / 1000)
  const body = await signAccountRequest(owner, { gateway: location.origin, random, nowSeconds })
  const key = textMember(await call('/v1/accounts', { method: 'POST', body }), 'key')
  if (key === undefined) throw new Refused(0, '', 'The gateway gave no key.')
  return key
}

/** Keeps the spend key of a sovereign account on this device, as one that nobody can read out. */
export async function keepSpendKey(owner: AccountOwner, signed: Nano): Promise<void> {
  if (owner.mode !== 'sovereign') return
  const key = await signingKey(owner.spendSecret)
  const amount = signed.toString()
  await saveSpendKey({ account: owner.id, key, signed: amount, owed: amount })
}
