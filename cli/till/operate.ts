import { hex } from '#base/bytes.ts'
import { type Nano, nano } from '#base/nano.ts'
import {
  orphanOrderBits,
  plainBody,
  redeemFeesBody,
  refundOrphanBody,
  returnFeesBody,
  rotateKeyBody,
  signBits,
  TILL_VALUE,
  webSha256,
} from '#contracts'
import { signerFromSeed } from '#protocol/node'
import type { Action } from '../chain/perform.ts'
import { readSecret } from '../chain/secret.ts'
import { addressFlag } from '../chain/target.ts'
import { topUpStorage } from '../chain/top-up.ts'
import { UsageError } from '../command.ts'
import type { TillContext } from './context.ts'
import { amountFlag, keyFlag } from './deploy.ts'
import { time, tons } from './status.ts'

/** What the admin's wallet, or anyone, may send; each reads the Till first, so that a second run does nothing. */

export async function rotate(
  { till, provider, address }: TillContext,
  flags: { readonly to?: string | undefined; readonly 'drop-previous'?: boolean | undefined },
): Promise<Action> {
  if (flags.to === undefined)
    throw new UsageError('--to HEX, the next public meter key, is missing')
  const key = keyFlag('--to', flags.to)
  const dropPrevious = flags['drop-previous'] === true
  return {
    title: `announce the meter key ${hex(key)}${dropPrevious ? ' and the end of the present one' : ''}`,
    to: address,
    value: TILL_VALUE.operator,
    body: rotateKeyBody(key, { dropPrevious }),
    done: async () => {
      const now = await till.getMeterKey(provider)
      if (hex(now.key) === hex(key)) return 'it is the meter key already'
      const { pending } = now
      if (pending === null || hex(pending.key) !== hex(key)) return undefined
      if (pending.dropsPrevious !== dropPrevious) return undefined
      return `announced; cocoon till activate works from ${time(pending.at)} on`
    },
  }
}

export async function activate({ till, provider, address, target }: TillContext): Promise<Action> {
  const { pending } = await till.getMeterKey(provider)
  const { syncedAt } = await target.chain.head(address)
  if (pending !== null && pending.at > syncedAt) {
    throw new UsageError(`the announced key may be activated from ${time(pending.at)} on`)
  }
  return {
    title: 'activate the announced meter key',
    to: address,
    value: TILL_VALUE.operator,
    body: plainBody('activateKey'),
    done: async () => {
      const now = await till.getMeterKey(provider)
      return now.pending === null ? `the meter key is ${hex(now.key)}` : undefined
    },
  }
}

export async function cancelRotation({ till, provider, address }: TillContext): Promise<Action> {
  return {
    title: 'call the rotation off',
    to: address,
    value: TILL_VALUE.operator,
    body: plainBody('cancelRotation'),
    done: async () =>
      (await till.getMeterKey(provider)).pending === null ? 'no rotation is announced' : undefined,
  }
}

export async function freeze({ till, provider, address, target }: TillContext): Promise<Action> {
  return {
    title: 'freeze charges, vouchers, fast exits and orphan refunds for 72 hours',
    to: address,
    value: TILL_VALUE.operator,
    body: plainBody('freeze'),
    done: async () => {
      const [{ frozenUntil }, { syncedAt }] = [
        await till.getStatus(provider),
        await target.chain.head(address),
      ]
      return frozenUntil > syncedAt ? `frozen until ${time(frozenUntil)}` : undefined
    },
  }
}

interface FeeFlags {
  readonly to?: string | undefined
  readonly amount?: string | undefined
}

/** All fees unless told how much; nothing when there are none. */
export async function collectFees(context: TillContext, flags: FeeFlags): Promise<Action> {
  const { till, provider, address, target } = context
  const { admin } = await till.getConfig(provider)
  const to = flags.to === undefined ? admin : addressFlag('--to', flags.to, target)
  const { before, amount } = await feesToMove(context, flags.amount)
  return {
    title: `pay ${tons(amount)} of fees to ${to}`,
    to: address,
    value: TILL_VALUE.operator,
    body: redeemFeesBody(to, amount),
    done: async () => movedFees(context, before, 'collected'),
  }
}

/** Fees that belong to hosts after all. */
export async function returnFees(context: TillContext, flags: FeeFlags): Promise<Action> {
  if (flags.amount === undefined) throw new UsageError('--amount TON is missing')
  const { before, amount } = await feesToMove(context, flags.amount)
  return {
    title: `give ${tons(amount)} of fees to the hosts’ pool`,
    to: context.address,
    value: TILL_VALUE.operator,
    body: returnFeesBody(amount),
    done: async () => movedFees(context, before, 'returned'),
  }
}

async function feesToMove({ till, provider }: TillContext, said: string | undefined) {
  const before = (await till.getTotals(provider)).fees
  const amount: Nano = said === undefined ? before : amountFlag('--amount', said)
  if (amount > before) throw new UsageError(`the Till holds ${tons(before)} of fees`)
  return { before, amount }
}

async function movedFees(
  { till, provider }: TillContext,
  before: Nano,
  what: string,
): Promise<string | undefined> {
  const { fees } = await till.getTotals(provider)
  if (fees >= before && before > 0n) return undefined
  return before === 0n ? 'there are no fees' : `${what}; ${tons(fees)} of fees are left`
}

export function topUp(
  context: TillContext,
  flags: { readonly amount?: string | undefined },
): Promise<Action> {
  return topUpStorage(context, flags, plainBody('topUp'))
}

/** Money that came without a valid memo goes where its sender showed that it belongs. Signed by the meter key. */
export async function refundOrphan(
  context: TillContext,
  flags: FeeFlags & { readonly 'meter-secret'?: string | undefined },
): Promise<Action> {
  const { io, till, provider, address, target } = context
  if (flags.to === undefined) throw new UsageError('--to ADDRESS is missing')
  const to = addressFlag('--to', flags.to, target)
  const amount = amountFlag('--amount', flags.amount)
  const [{ orphans }, { orphanNonce: nonce }] = [
    await till.getTotals(provider),
    await till.getStatus(provider),
  ]
  if (amount > orphans || amount === 0n)
    throw new UsageError(`the Till holds ${tons(orphans)} of orphans`)
  const source = { file: flags['meter-secret'], variable: 'METER_KEY', flag: '--meter-secret' }
  const { secretKey } = await readSecret(io, source)
  const meter = signerFromSeed('meter', secretKey.slice(0, 32))
  const order = { till: address, to, amount: nano(amount), nonce }
  const signature = await signBits(orphanOrderBits(order), (hash) => meter.sign(hash), webSha256)
  return {
    title: `refund ${tons(amount)} of orphans to ${to}`,
    to: address,
    value: TILL_VALUE.operator,
    body: refundOrphanBody(order, signature),
    done: async () => {
      const { orphanNonce } = await till.getStatus(provider)
      return orphanNonce > nonce ? `refunded; the next refund has nonce ${orphanNonce}` : undefined
    },
  }
}
