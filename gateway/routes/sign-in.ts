import { Hono } from 'hono'
import { z } from 'zod'
import { issueChallenge, signIn } from '../accounts/sign-in.ts'
import { accountId } from '../db/ids.ts'
import type { FrontDeps } from '../deps.ts'
import { ApiError } from '../errors.ts'
import type { AppEnv } from '../http/env.ts'
import { readJson } from '../http/json-body.ts'
import { limitStrangers } from '../http/limit-strangers.ts'
import { readBody } from './read-body.ts'

const MAX_BODY_BYTES = 16 * 1024
const Asked = z.strictObject({
  /** Absent: a wallet signs in to the account that it is linked to. */
  account: z
    .string()
    .regex(/^[0-9A-HJKMNP-TV-Z]{32}$/)
    .transform(accountId)
    .optional(),
  purpose: z.enum(['sign_in', 'link_wallet']).default('sign_in'),
})
const PURPOSES = { sign_in: 'signIn', link_wallet: 'linkWallet' } as const

/** Owners without a key: a nonce signed by the account's owner key or a wallet is good for a short session. */
export function signInRoutes(deps: FrontDeps): Hono<AppEnv> {
  const app = new Hono<AppEnv>()

  app.post('/v1/auth/challenge', async (context) => {
    const { account, purpose } = await readBody(context, Asked)
    if (purpose === 'link_wallet' && account === undefined) {
      throw new ApiError('invalid_request', 'A wallet is linked to an account', {
        param: 'account',
      })
    }
    const { nonce, expiresAt, tonProof } = issueChallenge(deps.accounts, account, PURPOSES[purpose])
    return context.json({
      account: account ?? null,
      nonce,
      expires_at: expiresAt,
      ton_proof: tonProof,
    })
  })

  app.post('/v1/auth/session', limitStrangers(deps.strangers), async (context) => {
    const body = await readJson(context, MAX_BODY_BYTES)
    const { account, token, expiresAt } = await signIn(deps.accounts, body)
    return context.json({ account, token, token_type: 'Bearer', expires_at: expiresAt })
  })
  return app
}
