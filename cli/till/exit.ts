import { signCancelOrder, signExitOrder } from '#client'
import { exitCancelBody, exitFinishBody, exitRequestBody, TILL_VALUE } from '#contracts'
import { readOwner } from '../account-file.ts'
import type { Action } from '../chain/perform.ts'
import { addressFlag } from '../chain/target.ts'
import { UsageError } from '../command.ts'
import type { TillContext } from './context.ts'
import { accountArgument, time, tons } from './status.ts'

/** What a developer does alone: its recovery file and any wallet that pays some gas, and nothing of the gateway. */

interface ExitFlags {
  readonly account?: string | undefined
  readonly to?: string | undefined
}

export async function requestExit(context: TillContext, flags: ExitFlags): Promise<Action> {
  const { till, provider, address, target } = context
  const owner = await readOwner(context.io, flags.account)
  if (flags.to === undefined) throw new UsageError('--to ADDRESS, where the money goes, is missing')
  const to = addressFlag('--to', flags.to, target)
  if (to === address) throw new UsageError('--to is the Till itself: the money would be lost')
  const { nonce, available } = await till.getAccount(provider, owner.id)
  if (available === 0n) throw new UsageError(`the account ${owner.id} holds nothing`)
  const { order, signature } = await signExitOrder(owner, { till: address, to, nonce })
  return {
    title: `order the exit of ${owner.id}: ${tons(available)}, less what is charged until then, to ${to}`,
    to: address,
    value: TILL_VALUE.exitRequest,
    body: exitRequestBody(order, owner.keys, signature),
    done: async () => {
      const [now, armed] = [
        await till.getAccount(provider, owner.id),
        await till.getExitTo(provider, owner.id),
      ]
      if (armed !== to || now.exitAt === 0) return undefined
      return `the exit to ${to} is armed; cocoon till finish-exit works from ${time(now.exitAt)} on`
    },
  }
}

export async function cancelExit(context: TillContext, flags: ExitFlags): Promise<Action> {
  const { till, provider, address } = context
  const owner = await readOwner(context.io, flags.account)
  const { nonce } = await till.getAccount(provider, owner.id)
  const { order, signature } = await signCancelOrder(owner, { till: address, nonce })
  return {
    title: `call the exit of ${owner.id} off`,
    to: address,
    value: TILL_VALUE.exitCancel,
    body: exitCancelBody(order, owner.keys, signature),
    done: async () =>
      (await till.getAccount(provider, owner.id)).exitAt === 0 ? 'no exit is armed' : undefined,
  }
}

/** Anyone may: the money goes where the owner said. */
export async function finishExit(
  context: TillContext,
  flags: ExitFlags,
  argument: string | undefined,
): Promise<Action> {
  const { till, provider, address, target } = context
  const id =
    flags.account === undefined
      ? accountArgument(argument)
      : (await readOwner(context.io, flags.account)).id
  const { exitAt, available } = await till.getAccount(provider, id)
  const { syncedAt } = await target.chain.head(address)
  if (exitAt > syncedAt) throw new UsageError(`the exit may be finished from ${time(exitAt)} on`)
  const to = await till.getExitTo(provider, id)
  return {
    title: `finish the exit of ${id}: ${tons(available)} to ${to ?? 'nobody'}`,
    to: address,
    value: TILL_VALUE.exitFinish,
    body: exitFinishBody(id),
    done: async () => {
      const now = await till.getAccount(provider, id)
      if (now.exitAt !== 0) return undefined
      return exitAt === 0 ? 'no exit is armed' : `paid; ${tons(now.paidOut)} were paid out in all`
    },
  }
}
