import { Hono } from 'hono'
import { ZERO_NANO } from '#base/nano.ts'
import { ContractError, cancelOrderBits, exitOrderBits, payableAddress } from '#contracts/pure'
import { ProtocolError, parseExitCancel, parseExitRequest } from '#protocol'
import { type AccountId, type TonAddress, tonAddress } from '../db/ids.ts'
import type { AppDeps } from '../deps.ts'
import { ApiError } from '../errors.ts'
import type { AppEnv } from '../http/env.ts'
import { readJson } from '../http/json-body.ts'
import { callerOf, requireAccount, requireAdmin } from '../http/require-account.ts'
import type { OrderExitResult, OrderedExit } from '../ledger/port.ts'
import { MoneyError } from '../money/errors.ts'
import type { ExitState, TillViews } from '../money/till-views.ts'
import { requireAccountSignature } from './account-signature.ts'

const MAX_BODY_BYTES = 4 * 1024

/**
 * An owner takes its money out: its order, signed by the key that the account id commits to, goes to the Till, and with the meter
 * key's word on the final debit it need not wait. An API key alone orders nothing, and one for inference sees nothing of it.
 * @see protocol/SPEC.md section 10.4
 */
export function exitRoutes(deps: AppDeps): Hono<AppEnv> {
  const app = new Hono<AppEnv>()
  const { ledger } = deps.runners
  const guards = [requireAccount(deps), requireAdmin] as const

  app.get('/v1/account/exit', ...guards, async (context) => {
    const { account } = callerOf(context)
    return context.json(await viewOf(deps, account))
  })

  app.post('/v1/account/exit', ...guards, async (context) => {
    const { account } = callerOf(context)
    const till = requireTill(deps)
    if (!deps.takesExits) throw new ApiError('not_implemented', NO_CASHIER)
    const request = read(parseExitRequest, await readJson(context, MAX_BODY_BYTES))
    requireSame(request, till, account)
    const { order } = request
    const state = await look(() => till.views.exit(account))
    if (state.available === ZERO_NANO) throw new ApiError('invalid_request', NOTHING_TO_PAY)
    if (order === undefined) requireArmed(state)
    else await requireOrder(deps, { till: till.address, account, order, state })
    const [result] = await ledger.commit([
      {
        op: 'order_exit',
        account,
        till: till.address,
        order: order ? { to: tonAddress(order.to), signature: order.signature } : null,
        nonce: order?.nonce ?? state.nonce,
        at: deps.runners.clock(),
      },
    ])
    if (!result.ok) throw refusal(result.code)
    till.views.forget(account)
    deps.runners.log('info', 'exit ordered', { account })
    return context.json(await viewOf(deps, account), 202)
  })

  app.delete('/v1/account/exit', ...guards, async (context) => {
    const { account } = callerOf(context)
    const till = requireTill(deps)
    const request = read(parseExitCancel, await readJson(context, MAX_BODY_BYTES))
    requireSame(request, till, account)
    const { nonce, signature } = request
    const state = await look(() => till.views.exit(account))
    requireNonce(nonce, state)
    const cell = cancelOrderBits({ till: till.address, account, nonce })
    await requireAccountSignature(deps, account, { by: 'ownerKey', cell, signature })
    const [result] = await ledger.commit([{ op: 'cancel_exit', account, nonce, signature }])
    if (!result.ok) throw new ApiError('conflict', NO_EXIT)
    till.views.forget(account)
    return context.json(await viewOf(deps, account), 202)
  })
  return app
}

const NO_CASHIER =
  'This gateway carries no orders to the Till: order the exit on chain yourself (cocoon till exit)'
const NO_EXIT = 'No exit was ordered here; one that was ordered on chain is called off there'
const NOTHING_TO_PAY = 'The account holds nothing at the Till'
const TOO_OFTEN =
  'So many orders of an account are carried a day: try again tomorrow, or send it to the Till yourself (cocoon till exit)'

function refusal(code: Extract<OrderExitResult, { ok: false }>['code']): ApiError {
  if (code === 'too_often') {
    return new ApiError('rate_limit_exceeded', TOO_OFTEN, { headers: { 'retry-after': '86400' } })
  }
  return new ApiError('conflict', 'Another exit is under way: call it off first')
}

interface TillRoute {
  readonly address: TonAddress
  readonly views: TillViews
}

function requireTill({ till, tillViews }: AppDeps): TillRoute {
  if (till === undefined || tillViews === undefined) {
    throw new ApiError('not_found', 'This gateway has no Till')
  }
  return { address: tonAddress(till.address), views: tillViews }
}

function read<T>(parse: (body: unknown, path: string) => T, body: unknown): T {
  try {
    return parse(body, 'exit')
  } catch (cause) {
    if (!(cause instanceof ProtocolError)) throw cause
    throw new ApiError('invalid_request', cause.message, { cause })
  }
}

function requireSame(
  said: { readonly till: string; readonly account: string },
  till: TillRoute,
  account: AccountId,
): void {
  if (said.account !== account) {
    throw new ApiError('forbidden', 'The order is of another account', { param: 'account' })
  }
  if (said.till !== till.address) {
    throw new ApiError('invalid_request', 'The order is for another Till', { param: 'till' })
  }
}

function requireArmed({ exitAt }: ExitState): void {
  if (exitAt !== null) return
  throw new ApiError('invalid_request', 'No exit is armed on chain: send the owner’s order', {
    param: 'order',
  })
}

function requireNonce(nonce: number, state: ExitState): void {
  if (nonce === state.nonce) return
  throw new ApiError('conflict', `The account’s nonce at the Till is ${state.nonce}`, {
    param: 'nonce',
  })
}

async function requireOrder(
  deps: AppDeps,
  said: {
    readonly till: TonAddress
    readonly account: AccountId
    readonly order: { readonly to: string; readonly nonce: number; readonly signature: string }
    readonly state: ExitState
  },
): Promise<void> {
  const { till, account, order, state } = said
  if (order.to === till) throw new ApiError('invalid_request', 'to is the Till', { param: 'to' })
  try {
    payableAddress(order.to, deps.network)
  } catch (cause) {
    if (!(cause instanceof ContractError)) throw cause
    throw new ApiError('invalid_request', cause.message, { param: 'to', cause })
  }
  requireNonce(order.nonce, state)
  const cell = exitOrderBits({ till, account, to: order.to, nonce: order.nonce })
  const { signature } = order
  await requireAccountSignature(deps, account, { by: 'ownerKey', cell, signature })
}

async function look<T>(read: () => Promise<T>): Promise<T> {
  try {
    return await read()
  } catch (cause) {
    if (!(cause instanceof MoneyError)) throw cause
    throw new ApiError('chain_unavailable', 'The chain cannot be read now', { cause })
  }
}

async function viewOf(deps: AppDeps, account: AccountId) {
  const { views, address } = requireTill(deps)
  const [{ exit }] = await deps.runners.ledger.commit([{ op: 'read_exit', account }])
  const state = await look(() => views.exit(account))
  return {
    object: 'exit' as const,
    state: stateOf(exit, state, Math.floor(deps.runners.clock() / 1000)),
    till: address,
    /** What the owner's next order must name. */
    nonce: state.nonce,
    to: state.to ?? exit?.to ?? null,
    exit_at: state.exitAt,
    cancelling: exit?.cancel !== null && exit !== null,
    /** The meter key's word on the final debit, once it is given: anybody may send it to the Till. */
    final: exit?.final ? { ...exit.final, debit: exit.final.debit.toString() } : null,
  }
}

/** `ordered`: on its way to the Till. `armed`: it waits for open requests or its time. `due`: anybody may finish it. */
function stateOf(
  exit: OrderedExit | null,
  { exitAt }: ExitState,
  now: number,
): 'none' | 'ordered' | 'armed' | 'due' {
  if (exitAt !== null) return exitAt <= now ? 'due' : 'armed'
  return exit === null ? 'none' : 'ordered'
}
