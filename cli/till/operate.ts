import type { Cell } from '@ton/core'
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
import { newestOf } from '../chain/find-message.ts'
import type { Action } from '../chain/perform.ts'
import { readSecret } from '../chain/secret.ts'
import { addressFlag } from '../chain/target.ts'
import { topUpStorage } from '../chain/top-up.ts'
import { wasTaken } from '../chain/was-taken.ts'
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
  const { till, provider, target } = context
  const { admin } = await till.getConfig(provider)
  const to = flags.to === undefined ? admin : addressFlag('--to', flags.to, target)
  const amount = await feesToMove(context, flags.amount)
  const body = redeemFeesBody(to, amount)
  return movingFees(
    context,
    { title: `pay ${tons(amount)} of fees to ${to}`, amount, body },
    'collected',
  )
}

/** Fees that belong to hosts after all. */
export async function returnFees(context: TillContext, flags: FeeFlags): Promise<Action> {
  if (flags.amount === undefined) throw new UsageError('--amount TON is missing')
  const amount = await feesToMove(context, flags.amount)
  const title = `give ${tons(amount)} of fees to the hosts’ pool`
  return movingFees(context, { title, amount, body: returnFeesBody(amount) }, 'returned')
}

async function feesToMove({ till, provider }: TillContext, said: string | undefined) {
  const { fees } = await till.getTotals(provider)
  const amount: Nano = said === undefined ? fees : amountFlag('--amount', said)
  if (amount > fees) throw new UsageError(`the Till holds ${tons(fees)} of fees`)
  return amount
}

/** Every charge adds to the fees: only the message itself tells whether it moved any. */
async function movingFees(
  { till, provider, address, target }: TillContext,
  { title, amount, body }: { readonly title: string; readonly amount: Nano; readonly body: Cell },
  what: string,
): Promise<Action> {
  const where = await newestOf(target, address)
  const value = TILL_VALUE.operator
  return {
    ...{ title, to: address, value, body },
    done: async () => {
      if (amount === 0n) return 'there are no fees'
      if (!(await wasTaken(target, where, { value, body }))) return undefined
      return `${what}; ${tons((await till.getTotals(provider)).fees)} of fees are left`
    },
  }
}

export function topUp(
  context: TillContext,
  flags: { readonly amount?: string | undefined },
): Promise<Action> {
  return topUpStorage(context, flags, plainBody('topUp'))
}

/**
 * Money that came without a valid memo goes where its sender showed that it belongs. Signed by the meter key. The nonce says which
 * refund it is: asked for again it is found to be made, where another one would pay out of other people's orphans.
 */
export async function refundOrphan(
  context: TillContext,
  flags: FeeFlags & {
    readonly 'meter-secret'?: string | undefined
    readonly nonce?: string | undefined
  },
): Promise<Action> {
  const { io, till, provider, address, target } = context
  if (flags.to === undefined) throw new UsageError('--to ADDRESS is missing')
  const to = addressFlag('--to', flags.to, target)
  const amount = amountFlag('--amount', flags.amount)
  const nonce = nonceFlag(flags.nonce)
  const [{ orphans }, { orphanNonce }] = [
    await till.getTotals(provider),
    await till.getStatus(provider),
  ]
  if (nonce > orphanNonce) throw new UsageError(`the next refund has nonce ${orphanNonce}`)
  if (nonce === orphanNonce && (amount > orphans || amount === 0n))
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
      if (orphanNonce <= nonce) return undefined
      return `refund ${nonce} is made; the next has nonce ${orphanNonce}`
    },
  }
}

function nonceFlag(text: string | undefined): number {
  if (/^\d{1,9}$/.test(text ?? '')) return Number(text)
  throw new UsageError('--nonce N is missing: cocoon till status says which the next refund has')
}
