import { Hono } from 'hono'
import { fromHex } from '#base/bytes.ts'
import {
  accountKeysFromJson,
  chequeBits,
  parseAccountId,
  verifyBits,
  webSha256,
} from '#contracts/pure'
import { type ChequeRequest, ProtocolError, parseChequeRequest } from '#protocol'
import type { FrontDeps } from '../deps.ts'
import { ApiError } from '../errors.ts'
import type { AppEnv } from '../http/env.ts'
import { readJson } from '../http/json-body.ts'
import { callerOf, requireAccount } from '../http/require-account.ts'
import type { AcceptChequeResult } from '../ledger/port.ts'

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
    await requireSignature(deps, cheque)
    const { cumulative, signature } = cheque
    const at = deps.inference.clock()
    const [result] = await deps.inference.ledger.commit([
      { op: 'accept_cheque', account, cumulative, signature, at },
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

/** By the spend key that the account id commits to. An absent key never verifies (C1). */
async function requireSignature(deps: FrontDeps, cheque: ChequeRequest): Promise<void> {
  const account = parseAccountId(cheque.account)
  const [read] = await deps.inference.ledger.commit([{ op: 'read_account', account }])
  const keys = read.ok ? read.account.keys : null
  const publicKey = keys === null ? null : accountKeysFromJson(JSON.parse(keys)).spendKey
  const cell = chequeBits({
    till: cheque.till,
    account,
    feeBps: cheque.fee_bps,
    cumulative: cheque.cumulative,
  })
  const { verify } = deps.accounts
  const valid =
    publicKey !== null &&
    (await verifyBits(
      { cell, signature: fromHex(cheque.signature), publicKey },
      { sha256: webSha256, verify: async (key, bytes, mark) => verify(key, bytes, mark) },
    ))
  if (!valid) {
    throw new ApiError('signature_invalid', 'The account’s spend key did not sign this cheque')
  }
}

type Refusal = Extract<AcceptChequeResult, { ok: false }>['code']

const REFUSALS = {
  unknown_account: 'This account is unknown',
  not_sovereign: 'Only a sovereign account pays by cheque; the meter key charges this one',
  above_credit: 'The cheque is above everything that the account ever deposited',
} as const satisfies Record<Refusal, string>

function refusal(code: Refusal): ApiError {
  return new ApiError('invalid_request', REFUSALS[code], { param: 'cumulative' })
}
