import { Hono } from 'hono'
import { toSeconds, unixMs } from '#base/brand.ts'
import { ACI_VERSION, type Report } from '#protocol'
import { sessionId } from '../db/ids.ts'
import type { AppDeps } from '../deps.ts'
import { ApiError } from '../errors.ts'
import type { AppEnv } from '../http/env.ts'
import { isTrusted } from '../runners/directory.ts'
import type { SessionHead } from '../runners/runner-store.ts'
import { createSessionSummaries } from '../runners/session-summaries.ts'

const NONCE = /^[0-9a-f]{64}$/
const SESSION_ID = /^[0-9a-f]{64}$/
const KEYSET_DIGEST = /^sha256:[0-9a-f]{64}$/
const MAX_LISTED = 200

/** ACI: attested sessions, for everybody. @see aci/1, section 9 */
export function aciRoutes(deps: AppDeps): Hono<AppEnv> {
  const app = new Hono<AppEnv>()
  const { store } = deps.runners
  const summaries = createSessionSummaries(store)

  app.get('/v1/aci/attestation', async (context) => {
    return context.json(await ownReport(deps, context.req.query('nonce')))
  })

  // The path of services before ACI.
  app.get('/v1/attestation/report', async (context) => {
    return context.json(await ownReport(deps, context.req.query('nonce')))
  })

  app.get('/v1/aci/sessions', async (context) => {
    const { upstream_name, model, keyset_digest } = context.req.query()
    const heads =
      keyset_digest === undefined
        ? currentSessions(deps, { upstream: upstream_name, model })
        : await pastSessions(deps, keyset_digest)
    return context.json({ api_version: ACI_VERSION, sessions: await summaries.of(heads) })
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

/** Sessions of the runners that may get a prompt now: as they are known here, so none is cut. */
function currentSessions(
  { runners: { directory }, inference }: AppDeps,
  wanted: { readonly upstream: string | undefined; readonly model: string | undefined },
): readonly SessionHead[] {
  const now = toSeconds(inference.clock())
  return directory
    .all()
    .filter(
      (runner) =>
        isTrusted(runner, now) &&
        (wanted.upstream === undefined || runner.id === wanted.upstream) &&
        (wanted.model === undefined || runner.model === wanted.model),
    )
    .slice(0, MAX_LISTED)
    .map(({ lease, standing }) => ({
      id: lease.session,
      appraised: unixMs(standing.appraised * 1_000),
      cut: null,
    }))
}

/** What is no digest costs no look-up. */
async function pastSessions(
  { runners: { store } }: AppDeps,
  digest: string,
): Promise<readonly SessionHead[]> {
  return KEYSET_DIGEST.test(digest) ? store.sessionsOfKeyset(digest, MAX_LISTED) : []
}
