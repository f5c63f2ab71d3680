import type { Context, MiddlewareHandler } from 'hono'
import type { Identity } from '../accounts/authenticator.ts'
import type { FrontDeps } from '../deps.ts'
import { authenticate, readKey } from './authenticate.ts'
import type { AppEnv } from './env.ts'

/** Lets only callers with an API key through, and shows them everything that they have already paid for. */
export function requireAccount(deps: FrontDeps): MiddlewareHandler<AppEnv> {
  return async function account(context, next) {
    const key = readKey(context.req.header('authorization'), context.req.header('x-api-key'))
    const identity = await authenticate(deps.authenticator, key)
    context.set('identity', identity)
    await deps.pendingOf(identity.account)
    await next()
  }
}

export function identityOf(context: Context<AppEnv>): Identity {
  return context.get('identity')
}
