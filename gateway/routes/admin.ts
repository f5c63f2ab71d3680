import { Hono, type MiddlewareHandler } from 'hono'
import { toSeconds, type UnixSeconds } from '#base/brand.ts'
import { equalBytes, utf8 } from '#base/bytes.ts'
import { runnerId } from '../db/ids.ts'
import type { AppDeps } from '../deps.ts'
import { ApiError } from '../errors.ts'
import type { AppEnv } from '../http/env.ts'
import { readJson } from '../http/json-body.ts'
import type { ModelOffer } from '../inference/catalog.ts'
import { offerOf } from '../inference/stored-catalog.ts'
import { modelSeed } from '../model-seed.ts'
import type { RunnerState } from '../runners/live-runner.ts'
import { addHealthRoutes } from './admin-health.ts'
import { addMoneyRoutes } from './admin-money.ts'

const MAX_BODY_BYTES = 16 * 1024

const ACTIONS: Readonly<Record<string, RunnerState>> = {
  admit: 'admitted',
  drain: 'drained',
  deny: 'denied',
}

/** The operator's own routes, behind one key. */
export function adminRoutes(deps: AppDeps): Hono<AppEnv> {
  const app = new Hono<AppEnv>()
  const { directory, store, ledger, log, clock } = deps.runners
  const { catalog } = deps
  app.use('/admin/*', requireAdmin(deps.adminKey))
  addMoneyRoutes(app, deps)
  addHealthRoutes(app, deps)

  app.post('/admin/runners/:id/:action', async (context) => {
    const { id: text, action } = context.req.param()
    const state = Object.hasOwn(ACTIONS, action) ? ACTIONS[action] : undefined
    if (state === undefined) throw new ApiError('not_found', 'takes admit, drain or deny')
    const id = /^run_[0-9a-z]{1,60}$/.test(text) ? runnerId(text) : undefined
    if (id === undefined || !(await store.setState(id, state))) {
      throw new ApiError('runner_not_found', 'No such runner')
    }
    directory.setState(id, state)
    log('info', 'runner state set', { runner: id, code: state })
    return context.json({ id, state })
  })

  app.put('/admin/models/:id{.+}', async (context) => {
    const id = context.req.param('id')
    const offer = readOffer(id, await readJson(context, MAX_BODY_BYTES), toSeconds(clock()))
    await catalog.put(offer)
    log('info', 'model offered', { model: id })
    return context.json(offerView(offer))
  })

  app.delete('/admin/models/:id{.+}', async (context) => {
    const id = context.req.param('id')
    if (!(await catalog.withdraw(id)))
      throw new ApiError('model_not_found', 'This model is not on sale')
    log('info', 'model withdrawn', { model: id })
    return context.json({ id, withdrawn: true })
  })

  app.get('/admin/audit', async (context) => {
    const after = context.req.query('after')
    const [report] = await ledger.commit([
      { op: 'audit', ...(after === undefined ? {} : { after }) },
    ])
    return context.json({
      accounts: report.accounts,
      available: report.available.toString(),
      held: report.held.toString(),
      prepaid: report.prepaid.toString(),
      clearing: report.clearing.toString(),
      hosts: report.hosts.toString(),
      fees: report.fees.toString(),
      sent: report.sent.toString(),
      next: report.next,
      broken: report.broken,
    })
  })
  return app
}

/** Base prices in nanoTON per million tokens, as decimal strings. */
function readOffer(id: string, body: unknown, now: UnixSeconds): ModelOffer {
  try {
    const members = typeof body === 'object' && body !== null ? body : {}
    return offerOf(modelSeed({ ...members, id }), now)
  } catch (error) {
    if (!(error instanceof RangeError)) throw error
    throw new ApiError('invalid_request', `The offer ${error.message}`, { cause: error })
  }
}

function offerView({ id, name, base, demonstration }: ModelOffer) {
  return {
    id,
    name,
    demonstration,
    input: base.input.toString(),
    cached: base.cached.toString(),
    output: base.output.toString(),
  }
}

export function requireAdmin(adminKey: string | undefined): MiddlewareHandler<AppEnv> {
  return async function admin(context, next) {
    // Without a key there is no such place.
    if (adminKey === undefined) throw new ApiError('not_found', 'Invalid URL')
    const sent = context.req.header('authorization') ?? ''
    if (!equalBytes(utf8(sent), utf8(`Bearer ${adminKey}`))) {
      throw new ApiError('invalid_admin_key', 'The operator’s key is required')
    }
    await next()
  }
}
