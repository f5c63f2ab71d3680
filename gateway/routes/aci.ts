import { Hono } from 'hono'
import { sessionId } from '../db/ids.ts'
import type { AppDeps } from '../deps.ts'
import { ApiError } from '../errors.ts'
import type { AppEnv } from '../http/env.ts'
import type { SessionRow } from '../runners/runner-store.ts'

const SESSION_ID = /^[0-9a-f]{64}$/
const MAX_LISTED = 200

/** ACI: attested sessions, for everybody. @see aci/1, section 9 */
export function aciRoutes(deps: AppDeps): Hono<AppEnv> {
  const app = new Hono<AppEnv>()
  const { store } = deps.runners

  app.get('/v1/aci/sessions', (context) =>
    context.json({
      object: 'list',
      data: store.listSessions(MAX_LISTED).map((row) => ({
        session_id: row.id,
        upstream_name: row.runner,
        keyset_digest: row.keyset_digest,
        established_at: Math.floor(row.at / 1000),
        appraised_at: Math.floor(row.appraised / 1000),
        cut: row.cut,
      })),
    }),
  )

  app.get('/v1/aci/sessions/:id', (context) => {
    const id = context.req.param('id')
    const row = SESSION_ID.test(id) ? store.findSession(sessionId(id)) : undefined
    if (row === undefined) throw new ApiError('not_found', 'No such session')
    return context.body(sessionBody(row), 200, { 'content-type': 'application/json' })
  })

  app.get('/v1/aci/sessions/:id/collateral', (context) => {
    const id = context.req.param('id')
    const row = SESSION_ID.test(id) ? store.findSession(sessionId(id)) : undefined
    if (row === undefined) throw new ApiError('not_found', 'No such session')
    return context.body(row.collateral, 200, { 'content-type': 'application/json' })
  })
  return app
}

/** The document as stored: its bytes are what the id is the hash of, in canonical form. */
function sessionBody(row: SessionRow): string {
  const about = {
    session_id: row.id,
    appraised_at: Math.floor(row.appraised / 1000),
    cut: row.cut,
  }
  return `${JSON.stringify(about).slice(0, -1)},"document":${row.document}}`
}
