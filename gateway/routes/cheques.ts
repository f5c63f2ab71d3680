import { Hono } from 'hono'
import { chequeBits } from '#contracts/pure'
import { type ChequeRequest, ProtocolError, parseChequeRequest } from '#protocol'
import type { AccountId } from '../db/ids.ts'
import type { FrontDeps } from '../deps.ts'
import { ApiError } from '../errors.ts'
import type { AppEnv } from '../http/env.ts'
import { readJson } from '../http/json-body.ts'
import { callerOf, requireAccount } from '../http/require-account.ts'
import type { AcceptChequeResult } from '../ledger/port.ts'
import { requireAccountSignature } from './account-signature.ts'

const MAX_BODY_BYTES = 4 * 1024

/** Cheques of sovereign accounts: the only thing that may charge them. @see protocol/SPEC.md section 10.2 */
export function chequeRoutes(deps: FrontDeps): Hono<AppEnv> {
  const app = new Hono<AppEnv>()

  app.post('/v1/account/cheques', requireAccount(deps), async (context) => {
    const cheque = readCheque(deps, await readJson(context, MAX_BODY_BYTES))
    const { account } = callerOf(context)
    if (cheque.account !== account) {
      throw new ApiError('forbidden', 'The cheque is of another account', { param: 'account' })
    }
    await requireSignature(deps, account, cheque)
    const { cumulative, signature, fee_bps: feeBps } = cheque
    const at = deps.inference.clock()
    const [result] = await deps.inference.ledger.commit([
      { op: 'accept_cheque', account, feeBps, cumulative, signature, at },
    ])
    if (!result.ok) throw refusal(result.code)
    return context.json({ object: 'cheque', cumulative: result.cumulative.toString() })
  })
  return app
}

/** A cheque for this Till and the fee that the cashier will collect it with. */
function readCheque(deps: FrontDeps, body: unknown): ChequeRequest {
  const cheque = parsed(body)
  if (deps.till === undefined) throw new ApiError('not_found', 'This gateway has no Till')
  if (cheque.till !== deps.till.address) {
    throw new ApiError('invalid_request', 'The cheque is for another Till', { param: 'till' })
  }
  if (cheque.fee_bps !== deps.commissionBps) {
    throw new ApiError('invalid_request', `fee_bps must be ${deps.commissionBps}`, {
      param: 'fee_bps',
    })
  }
  return cheque
}

function parsed(body: unknown): ChequeRequest {
  try {
    return parseChequeRequest(body, 'cheque')
  } catch (cause) {
    if (!(cause instanceof ProtocolError)) throw cause
    throw new ApiError('invalid_request', cause.message, { cause })
  }
}

function requireSignature(deps: FrontDeps, account: AccountId, cheque: ChequeRequest) {
  const { till, cumulative, signature } = cheque
  const cell = chequeBits({ till, account, feeBps: cheque.fee_bps, cumulative })
  return requireAccountSignature(deps, account, { by: 'spendKey', cell, signature })
}

type Refusal = Extract<AcceptChequeResult, { ok: false }>['code']

const REFUSALS = {
  unknown_account: 'This account is unknown',
  not_sovereign: 'Only a sovereign account pays by cheque; the meter key charges this one',
  above_credit: 'The cheque is above everything that the account ever deposited',
  above_used: 'The cheque is far above what the account used: sign what its receipts add up to',
} as const satisfies Record<Refusal, string>

function refusal(code: Refusal): ApiError {
  return new ApiError('invalid_request', REFUSALS[code], { param: 'cumulative' })
}
