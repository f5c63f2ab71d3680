import type { Context, MiddlewareHandler } from 'hono'
import { isSessionToken } from '../accounts/session-token.ts'
import type { FrontDeps } from '../deps.ts'
import { ApiError } from '../errors.ts'
import { authenticate, fromAccountError, readKey } from './authenticate.ts'
import type { Caller } from './caller.ts'
import type { AppEnv } from './env.ts'

/**
 * Lets only callers with an API key or a session through, and shows them everything that they have already paid for.
 */
export function requireAccount(deps: FrontDeps): MiddlewareHandler<AppEnv> {
  return async function account(context, next) {
    const text = readKey(context.req.header('authorization'), context.req.header('x-api-key'))
    const caller = isSessionToken(text) ? await ownerOf(deps, text) : await holderOf(deps, text)
    context.set('caller', caller)
    await deps.pendingOf(caller.account)
    await next()
  }
}

/** After `requireAccount`: a leaked inference key makes no keys, and sees neither the usage of others nor where money came from. */
export const requireAdmin: MiddlewareHandler<AppEnv> = async function admin(context, next) {
  if (!callerOf(context).isAdmin) {
    throw new ApiError('admin_key_required', 'This takes an admin key of the account, or its owner')
  }
  await next()
}

export function callerOf(context: Context<AppEnv>): Caller {
  return context.get('caller')
}

async function holderOf(deps: FrontDeps, text: string): Promise<Caller> {
  const { account, key, role } = await authenticate(deps.authenticator, text)
  return { account, key, isAdmin: role === 'admin' }
}

async function ownerOf(deps: FrontDeps, token: string): Promise<Caller> {
  try {
    return { account: await deps.accounts.sessions.read(token), key: null, isAdmin: true }
  } catch (error) {
    throw fromAccountError(error)
  }
}
