import { Hono } from 'hono'
import { newRequestId } from '#protocol'
import type { AppDeps, FrontDeps } from './deps.ts'
import { ApiError } from './errors.ts'
import { anyErrorAnswer } from './http/any-error.ts'
import { apiPath } from './http/api-path.ts'
import { COMMON_HEADERS, preflightHeaders } from './http/cors.ts'
import type { AppEnv } from './http/env.ts'
import { methodsAt } from './http/methods-at.ts'
import { inferencePath } from './inference/endpoints.ts'
import { codeOf } from './log.ts'
import { pageAnswer, type ServePages } from './pages.ts'
import { accountRoutes } from './routes/account.ts'
import { aciRoutes } from './routes/aci.ts'
import { adminRoutes } from './routes/admin.ts'
import { chainRoutes } from './routes/chain.ts'
import { chequeRoutes } from './routes/cheques.ts'
import { exitRoutes } from './routes/exit.ts'
import { hostProofRoutes } from './routes/host-proof.ts'
import { keyRoutes } from './routes/keys.ts'
import { modelRoutes } from './routes/models.ts'
import { openRouterRoutes } from './routes/openrouter.ts'
import { operationRoutes } from './routes/operations.ts'
import { receiptRoutes } from './routes/receipts.ts'
import { runnerRoutes } from './routes/runners.ts'
import { signInRoutes } from './routes/sign-in.ts'
import { walletRoutes } from './routes/wallets.ts'
import { webhookRoutes } from './routes/webhook.ts'

/** Parts of OpenAI's API that this gateway does not have: told apart from a misspelt URL. */
const NOT_IMPLEMENTED = new RegExp(
  `^/v1/(?:${[
    'agents',
    'assistants',
    'audio',
    'batches',
    'chatkit',
    'containers',
    'conversations',
    'evals',
    'files',
    'fine_tuning',
    'images',
    'messages/batches',
    'moderations',
    'organization',
    'projects',
    'realtime',
    'responses/compact',
    'responses/input_tokens',
    'skills',
    'threads',
    'uploads',
    'vector_stores',
    'videos',
  ].join('|')})(?:/|$)`,
)
const MAX_SHOWN_PATH = 200

/** Everything but inference, which each platform's listener takes before it reaches Hono. */
export function createApp(deps: AppDeps): Hono<AppEnv> {
  const routes = [
    operationRoutes(deps),
    modelRoutes(deps),
    ...frontRoutes(deps),
    runnerRoutes(deps),
    aciRoutes(deps),
    chainRoutes(deps),
    exitRoutes(deps),
    hostProofRoutes(deps),
    adminRoutes(deps),
  ]
  return open(deps, routes, deps.pages)
}

/** The same at a place without tables, which asks elsewhere for what it has no routes for. */
export function createFrontApp(
  deps: FrontDeps,
  more: readonly Hono<AppEnv>[],
  elsewhere: (request: Request) => Promise<Response>,
  pages: ServePages | undefined,
): Hono<AppEnv> {
  const others = new Hono<AppEnv>()
  const read = (request: Request) => app.fetch(request)
  const { gateway: publicUrl } = deps.accounts
  others.all('*', async ({ req: { raw } }) => {
    // A page that exists is drawn here; what nobody knows is a page for people alone.
    const page = await pageAnswer({ pages, publicUrl }, withoutAccept(raw), read)
    if (page !== undefined) return page
    const answer = await elsewhere(raw)
    if (answer.status !== 404) return answer
    return (await pageAnswer({ pages, publicUrl }, raw, read)) ?? answer
  })
  const routes = [refuseWhileClosing(deps), ...more, ...frontRoutes(deps), others]
  const app = open(deps, routes, undefined)
  return app
}

function withoutAccept(request: Request): Request {
  const headers = new Headers(request.headers)
  headers.delete('accept')
  return new Request(request.url, { method: request.method, headers })
}

/** While this place is closing, nothing changes by it but by the operator. */
function refuseWhileClosing({ closing }: FrontDeps): Hono<AppEnv> {
  const app = new Hono<AppEnv>()
  app.use(async function refuse({ req: { method, path } }, next) {
    const changes = method !== 'GET' && method !== 'HEAD' && !path.startsWith('/admin/')
    if (closing.aborted && changes) {
      throw new ApiError('shutting_down', 'This gateway is shutting down')
    }
    await next()
  })
  return app
}

/** The routes that any number of places can serve. */
function frontRoutes(deps: FrontDeps): readonly Hono<AppEnv>[] {
  return [
    accountRoutes(deps),
    keyRoutes(deps),
    signInRoutes(deps),
    openRouterRoutes(deps),
    walletRoutes(deps),
    webhookRoutes(deps),
    chequeRoutes(deps),
    receiptRoutes(deps),
  ]
}

function open(
  deps: FrontDeps,
  routes: readonly Hono<AppEnv>[],
  pages: ServePages | undefined,
): Hono<AppEnv> {
  const app = new Hono<AppEnv>({ getPath: (request) => apiPath(new URL(request.url).pathname) })

  app.use(async function identify(context, next) {
    const id = newRequestId(deps.inference.random)
    context.set('requestId', id)
    // Preflights come without a key: answered before anything else.
    if (context.req.method === 'OPTIONS') {
      const asked = context.req.header('access-control-request-headers')
      return new Response(null, { status: 204, headers: preflightHeaders(asked) })
    }
    await next()
    // Whoever answered elsewhere has logged its own id.
    if (!context.res.headers.has('x-request-id')) context.header('x-request-id', id)
    for (const [name, value] of Object.entries(COMMON_HEADERS)) context.header(name, value)
    return undefined
  })

  for (const group of routes) app.route('/', group)

  app.notFound(async (context) => {
    const answer = (request: Request) => app.fetch(request)
    const page = await pageAnswer(
      { pages, publicUrl: deps.accounts.gateway },
      context.req.raw,
      answer,
    )
    if (page !== undefined) return page
    const { method } = context.req
    const path = context.req.path.replace(/[^\x21-\x7e]/g, '').slice(0, MAX_SHOWN_PATH)
    const isInference = inferencePath(context.req.path) !== undefined
    const allowed = isInference ? ['POST'] : methodsAt(app.routes, context.req.path)
    if (allowed.length > 0 && !allowed.includes(method)) {
      const headers = { allow: allowed.join(', ') }
      const message = `${path} takes ${allowed.join(', ')} only`
      throw new ApiError('method_not_allowed', message, { headers })
    }
    if (NOT_IMPLEMENTED.test(path)) {
      const message = `This gateway does not offer ${method} ${path}: see /openapi.yaml for what it does`
      throw new ApiError('not_implemented', message)
    }
    throw new ApiError('not_found', `Invalid URL (${method} ${path})`)
  })

  app.onError((error, context) => {
    const answer = anyErrorAnswer(error)
    const request = context.get('requestId')
    // What is not offered is the caller's mistake, like every 4xx.
    if (answer.status >= 500 && answer.status !== 501) {
      const cause = error instanceof ApiError ? (error.cause ?? error) : error
      deps.inference.log('error', 'request failed', { request, code: codeOf(cause) })
    }
    return new Response(answer.body, {
      status: answer.status,
      headers: { ...COMMON_HEADERS, 'x-request-id': request, ...answer.headers },
    })
  })
  return app
}
