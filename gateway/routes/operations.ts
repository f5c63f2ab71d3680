import { Hono } from 'hono'
import { toSeconds } from '#base/brand.ts'
import { equalBytes, utf8 } from '#base/bytes.ts'
import type { AppDeps, StoreState } from '../deps.ts'
import { ApiError } from '../errors.ts'
import type { AppEnv } from '../http/env.ts'
import { isTrusted } from '../runners/directory.ts'
import { readState } from '../telemetry/read-state.ts'

const YAML = 'application/yaml; charset=utf-8'

const HEALTH = {
  ok: 'ok',
  read_only: 'read_only',
  unreachable: 'database_unreachable',
} as const satisfies Record<StoreState, string>

/** Health for balancers, metrics for the operator, the description for everybody. */
export function operationRoutes(deps: AppDeps): Hono<AppEnv> {
  const app = new Hono<AppEnv>()
  const { directory, clock, metrics } = deps.inference

  app.get('/health', (context) => {
    const now = toSeconds(clock())
    const runners = directory.all().filter((runner) => isTrusted(runner, now)).length
    if (deps.closing.aborted) return context.json({ status: 'closing', runners }, 503)
    const status = HEALTH[deps.storeState()]
    return context.json({ status, runners }, status === 'ok' ? 200 : 503)
  })

  app.get('/metrics', async (context) => {
    const sent = context.req.header('authorization') ?? ''
    const { metricsToken } = deps
    const allowed =
      metricsToken === undefined
        ? context.env?.isLocal === true && !isPassedOn(context.req.header())
        : equalBytes(utf8(sent), utf8(`Bearer ${metricsToken}`))
    // Not even its existence is anybody else's business (M17).
    if (!allowed) throw new ApiError('not_found', 'Invalid URL (GET /metrics)')
    metrics.state(await readState(deps))
    const { text, contentType } = await metrics.exposition()
    return context.body(text, 200, { 'content-type': contentType })
  })

  app.get('/openapi.yaml', (context) =>
    context.body(deps.openapi, 200, { 'content-type': YAML, 'cache-control': 'no-cache' }),
  )
  return app
}

/** To a proxy on this machine every connection is local: what says that it was passed on came from elsewhere. */
function isPassedOn(headers: Readonly<Record<string, string>>): boolean {
  return PASSED_ON.some((name) => headers[name] !== undefined)
}

const PASSED_ON = ['forwarded', 'via', 'x-forwarded-for', 'x-forwarded-host', 'x-real-ip'] as const
