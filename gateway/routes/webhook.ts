import { Hono } from 'hono'
import { z } from 'zod'
import { hex } from '#base/bytes.ts'
import { webhookSecret } from '../accounts/webhook-secret.ts'
import { webhookUrl } from '../accounts/webhook-url.ts'
import type { FrontDeps } from '../deps.ts'
import { ApiError } from '../errors.ts'
import type { AppEnv } from '../http/env.ts'
import { callerOf, requireAccount, requireAdmin } from '../http/require-account.ts'
import type { Webhook } from '../ledger/port.ts'
import { nanoText } from './nano-text.ts'
import { readBody } from './read-body.ts'

const SECRET_ID_BYTES = 16
const Wish = z.strictObject({
  url: z.string().max(500),
  /** nanoTON: told once what may be spent falls below. */
  threshold: nanoText.refine((nano) => nano > 0n, 'is never reached: no balance is below zero'),
})

/** Where an account wants to be told that its balance is low. */
export function webhookRoutes(deps: FrontDeps): Hono<AppEnv> {
  const app = new Hono<AppEnv>()
  const guards = [requireAccount(deps), requireAdmin] as const
  const { ledger, clock, random } = deps.accounts

  app.get('/v1/account/webhook', ...guards, async (context) => {
    const { account } = callerOf(context)
    const [{ webhook }] = await ledger.commit([{ op: 'read_webhook', account }])
    if (webhook === null) throw new ApiError('not_found', 'No webhook is set')
    return context.json(webhookView(webhook))
  })

  app.put('/v1/account/webhook', ...guards, async (context) => {
    const { account } = callerOf(context)
    const wish = await readBody(context, Wish)
    const url = webhookUrl(wish.url, deps.webhooks.rules)
    const secretId = hex(random(SECRET_ID_BYTES))
    const webhook = { url, secretId, threshold: wish.threshold }
    const at = clock()
    const [set] = await ledger.commit([{ op: 'set_webhook', account, webhook, at }])
    if (!set.ok) throw new ApiError('account_not_found', 'No such account')
    const secret = webhookSecret(deps.webhooks.secrets, account, secretId)
    return context.json({ ...webhookView({ ...webhook, state: 'armed' }), secret: secret.text })
  })

  app.delete('/v1/account/webhook', ...guards, async (context) => {
    const { account } = callerOf(context)
    const at = clock()
    await ledger.commit([{ op: 'set_webhook', account, webhook: null, at }])
    return context.body(null, 204)
  })
  return app
}

function webhookView({ url, threshold, state }: Omit<Webhook, 'secretId'>) {
  return { object: 'webhook' as const, url, threshold: threshold.toString(), state }
}
