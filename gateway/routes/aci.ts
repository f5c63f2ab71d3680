import { Hono } from 'hono'
import { toSeconds } from '#base/brand.ts'
import { ACI_VERSION, type Report } from '#protocol'
import { sessionId } from '../db/ids.ts'
import type { AppDeps } from '../deps.ts'
import { ApiError } from '../errors.ts'
import type { AppEnv } from '../http/env.ts'
import { isTrusted } from '../runners/directory.ts'
import type { SessionRow } from '../runners/runner-store.ts'

const NONCE = /^[0-9a-f]{64}$/
const SESSION_ID = /^[0-9a-f]{64}$/
const MAX_LISTED = 200

/** ACI: attested sessions, for everybody. @see aci/1, section 9 */
export function aciRoutes(deps: AppDeps): Hono<AppEnv> {
  const app = new Hono<AppEnv>()
  const { store } = deps.runners

  app.get('/v1/aci/attestation', async (context) => {
    return context.json(await ownReport(deps, context.req.query('nonce')))
  })

  // The path of services before ACI.
  app.get('/v1/attestation/report', async (context) => {
    return context.json(await ownReport(deps, context.req.query('nonce')))
  })

  app.get('/v1/aci/sessions', async (context) => {
    const { upstream_name, model, keyset_digest } = context.req.query()
    const rows =
      keyset_digest === undefined
        ? await currentSessions(deps, { upstream: upstream_name, model })
        : await store.sessionsOfKeyset(keyset_digest, MAX_LISTED)
    return context.json({ api_version: ACI_VERSION, sessions: rows.map(abbreviated) })
  })

  app.get('/v1/aci/sessions/:id', async (context) => {
    const id = context.req.param('id')
    const row = SESSION_ID.test(id) ? await store.findSession(sessionId(id)) : undefined
    if (row === undefined) throw new ApiError('not_found', 'No such session')
    // Alone, without a wrapper: whoever parses it and hashes its canonical form gets the id.
    return context.body(row.document, 200, { 'content-type': 'application/json' })
  })

  app.get('/v1/aci/sessions/:id/collateral', async (context) => {
    const id = context.req.param('id')
    const row = SESSION_ID.test(id) ? await store.findSession(sessionId(id)) : undefined
    if (row === undefined) throw new ApiError('not_found', 'No such session')
    return context.body(row.collateral, 200, { 'content-type': 'application/json' })
  })
  return app
}

async function ownReport({ self }: AppDeps, nonce: string | undefined): Promise<Report> {
  if (self === undefined) {
    throw new ApiError('not_found', 'This gateway shows no evidence of its own: ask its runners')
  }
  if (nonce === undefined || !NONCE.test(nonce)) {
    throw new ApiError('invalid_request', 'nonce takes 64 lower-case hex digits', {
      param: 'nonce',
    })
  }
  return self.report(nonce)
}

/** Sessions of the runners that may get a prompt now. */
async function currentSessions(
  { runners: { directory, store }, inference }: AppDeps,
  wanted: { readonly upstream: string | undefined; readonly model: string | undefined },
): Promise<SessionRow[]> {
  const now = toSeconds(inference.clock())
  const live = directory
    .all()
    .filter(
      (runner) =>
        isTrusted(runner, now) &&
        (wanted.upstream === undefined || runner.id === wanted.upstream) &&
        (wanted.model === undefined || runner.model === wanted.model),
    )
  const listed = live.slice(0, MAX_LISTED)
  const rows = await Promise.all(listed.map(({ lease }) => store.findSession(lease.session)))
  return rows.filter((row) => row !== undefined)
}

/** An entry of the list: everything but the bulky evidence, so that it does not hash to its id. */
function abbreviated(row: SessionRow) {
  // Sound: the row was written by register.ts from a session document.
  const { evidence, ...document } = JSON.parse(row.document) as {
    readonly evidence: { readonly digest: string }
  }
  return {
    ...document,
    evidence: { digest: evidence.digest },
    session_id: row.id,
    appraised_at: Math.floor(row.appraised / 1000),
    cut: row.cut,
  }
}
