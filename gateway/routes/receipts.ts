import { Hono } from 'hono'
import type { FrontDeps } from '../deps.ts'
import { ApiError } from '../errors.ts'
import type { AppEnv } from '../http/env.ts'
import { readJson } from '../http/json-body.ts'
import { callerOf, requireAccount } from '../http/require-account.ts'
import { takeBatch } from '../receipts/take-batch.ts'
import { readSettlementId } from './settlement-id.ts'

const MAX_BATCH_BYTES = 2 * 1024 * 1024

/** Receipts: runners bring them, their account reads them. @see aci/1, section 10 */
export function receiptRoutes(deps: FrontDeps): Hono<AppEnv> {
  const app = new Hono<AppEnv>()

  app.post('/v1/receipts', async (context) =>
    context.json({
      results: await takeBatch(deps.receipts, await readJson(context, MAX_BATCH_BYTES)),
    }),
  )

  app.get('/v1/aci/receipts/:id', requireAccount(deps), async (context) => {
    const asked = readSettlementId(callerOf(context).account, context.req.param('id'))
    if (asked === undefined) throw new ApiError('not_found', 'No such receipt')
    const [found] = await deps.inference.ledger.commit([asked])
    if (!found.ok) throw new ApiError('not_found', 'No such receipt')
    return context.body(found.receipt, 200, { 'content-type': 'application/json' })
  })
  return app
}
