import { Hono } from 'hono'
import { type Receipt, receiptId, receiptJson } from '#protocol'
import type { FrontDeps } from '../deps.ts'
import { ApiError } from '../errors.ts'
import type { Caller } from '../http/caller.ts'
import type { AppEnv } from '../http/env.ts'
import { readJson } from '../http/json-body.ts'
import { callerOf, requireAccount } from '../http/require-account.ts'
import type { FindSettlement, FindSettlementResult } from '../ledger/port.ts'
import { takeBatch } from '../receipts/take-batch.ts'
import { readSettlementId } from './settlement-id.ts'

const MAX_BATCH_BYTES = 2 * 1024 * 1024

/** Receipts: runners bring them, their account reads them; an attested gateway signs its own. @see aci/1, section 7 */
export function receiptRoutes(deps: FrontDeps): Hono<AppEnv> {
  const app = new Hono<AppEnv>()

  app.post('/v1/receipts', async (context) =>
    context.json({
      results: await takeBatch(deps.receipts, await readJson(context, MAX_BATCH_BYTES)),
    }),
  )

  app.get('/v1/aci/receipts/:id', requireAccount(deps), async (context) => {
    const caller = callerOf(context)
    const by = readSigner(context.req.query('by'))
    const asked = readSettlementId(caller.account, context.req.param('id'))
    if (asked === undefined) throw new ApiError('not_found', 'No such receipt')
    if (by === 'gateway') {
      return context.json(receiptJson(await ownReceipt(deps, caller, asked)))
    }
    const { receipt } = await findSettled(deps, asked)
    return context.body(receipt, 200, { 'content-type': 'application/json' })
  })
  return app
}

function readSigner(by: string | undefined): 'runner' | 'gateway' {
  if (by === undefined || by === 'runner') return 'runner'
  if (by === 'gateway') return by
  throw new ApiError('invalid_request', 'by takes runner or gateway', { param: 'by' })
}

/** By the receipt's id from memory; the answer's own id leads there by the books. */
async function ownReceipt(
  deps: FrontDeps,
  caller: Caller,
  asked: FindSettlement,
): Promise<Receipt> {
  const { request, attempt } =
    'request' in asked ? asked : (await findSettled(deps, asked)).settlement
  return deps.signOwnReceipt(caller, receiptId(request, attempt))
}

async function findSettled(
  { inference: { ledger } }: FrontDeps,
  asked: FindSettlement,
): Promise<Extract<FindSettlementResult, { ok: true }>> {
  const [found] = await ledger.commit([asked])
  if (!found.ok) throw new ApiError('not_found', 'No such receipt')
  return found
}
