import type { Bytes } from '#base/bytes.ts'
import {
  type CancelOrder,
  cancelOrderBits,
  type ExitOrder,
  exitOrderBits,
  signBits,
  webSha256,
} from '#contracts/pure'
import { type AccountOwner, signWith } from '../account-owner.ts'

/** An owner's order, signed by its recovery key: anybody may send it to the Till. */
export interface SignedOrder<Order> {
  readonly order: Order
  readonly signature: Bytes
}

/** Orders that the account's money goes to `to` when the Till's delay is over. */
export async function signExitOrder(
  owner: AccountOwner,
  said: Omit<ExitOrder, 'account'>,
): Promise<SignedOrder<ExitOrder>> {
  const order = { ...said, account: owner.id }
  const sign = (hash: Bytes) => signWith(owner.ownerSecret, hash)
  return { order, signature: await signBits(exitOrderBits(order), sign, webSha256) }
}

/** Calls the exit off. */
export async function signCancelOrder(
  owner: AccountOwner,
  said: Omit<CancelOrder, 'account'>,
): Promise<SignedOrder<CancelOrder>> {
  const order = { ...said, account: owner.id }
  const sign = (hash: Bytes) => signWith(owner.ownerSecret, hash)
  return { order, signature: await signBits(cancelOrderBits(order), sign, webSha256) }
}
