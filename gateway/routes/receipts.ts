import { Hono } from 'hono'
import { requestId } from '../db/ids.ts'
import type { FrontDeps } from '../deps.ts'
import { ApiError } from '../errors.ts'
import type { AppEnv } from '../http/env.ts'
import { readJson } from '../http/json-body.ts'
import { callerOf, requireAccount } from '../http/require-account.ts'
import { takeBatch } from '../receipts/take-batch.ts'

const RECEIPT_ID = /^(req_[0-9a-f]{32})(?:\.([1-9][0-9]{0,2}))?$/
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
    const match = RECEIPT_ID.exec(context.req.param('id'))
    if (match === null) throw new ApiError('not_found', 'No such receipt')
    const { account } = callerOf(context)
    const request = requestId(match[1] ?? '')
    const attempt = Number(match[2] ?? '1')
    const [found] = await deps.inference.ledger.commit([
      { op: 'find_settlement', account, request, attempt },
    ])
    if (!found.ok) throw new ApiError('not_found', 'No such receipt')
    return context.body(found.receipt, 200, { 'content-type': 'application/json' })
  })
  return app
}
