import { Hono } from 'hono'
import { member } from '#base/members.ts'
import { ApiError, type ApiErrorCode } from '../errors.ts'
import type { AppEnv } from '../http/env.ts'
import { readJson } from '../http/json-body.ts'
import { parseUnit } from '../moving/parse-unit.ts'
import type { Unit } from '../moving/unit.ts'
import { MovingError, type MovingErrorCode } from '../moving/write-unit.ts'
import { requireAdmin } from '../routes/admin.ts'
import { EXPORT_START, type ExportCursor, exportPage, importUnit } from './moving.ts'
import type { Objects } from './objects.ts'

/** A unit holds at most four sessions' evidence, or receipts of five hundred settlements. */
const MAX_UNIT_BYTES = 30 * 1024 * 1024

/** What `cocoon export` and `cocoon import` ask of a gateway on Workers. On Node they open its file instead. */
export function movingRoutes(deps: {
  readonly objects: Objects
  readonly adminKey: string | undefined
  readonly migrations: readonly string[]
  /** Moving is for a gateway that stands still. */
  readonly isPaused: boolean
}): Hono<AppEnv> {
  const { objects, migrations, isPaused } = deps
  const app = new Hono<AppEnv>()
  app.use('/admin/moving/*', requireAdmin(deps.adminKey), async (_, next) => {
    if (!isPaused)
      throw new ApiError('conflict', 'Set PAUSED to true: a gateway that serves cannot be moved')
    await next()
  })

  app.get('/admin/moving/schema', (context) => context.json({ migrations }))

  app.post('/admin/moving/export', async (context) => {
    const asked = await readJson(context, MAX_UNIT_BYTES)
    return context.json(await exportPage(objects, readCursor(asked)))
  })

  app.post('/admin/moving/import', async (context) => {
    const { unit, digest } = readUnit(await readJson(context, MAX_UNIT_BYTES))
    const outcome = await importUnit(objects, unit, digest)
    if (!outcome.ok) throw new ApiError(CODES[outcome.code], outcome.message)
    return context.json({ written: outcome.written })
  })

  app.post('/admin/moving/end', async (context) => {
    await objects
      .market()
      .reload()
      .catch(() => {})
    return context.json({ reloaded: true })
  })
  return app
}

const CODES = {
  exists: 'conflict',
  malformed: 'invalid_request',
  unwritable: 'overloaded',
} as const satisfies Record<MovingErrorCode, ApiErrorCode>

const DIGEST = /^[0-9a-f]{64}$/

/** What its tables do not take is seen where they are. @throws ApiError */
function readUnit(value: unknown): { unit: Unit; digest: string } {
  const digest = member(value, 'digest')
  if (typeof digest !== 'string' || !DIGEST.test(digest)) {
    throw new ApiError('invalid_request', 'digest: takes 64 hex digits', { param: 'digest' })
  }
  try {
    return { unit: parseUnit(member(value, 'unit')), digest }
  } catch (cause) {
    if (!(cause instanceof MovingError)) throw cause
    throw new ApiError('invalid_request', cause.message, { param: 'unit', cause })
  }
}

function readCursor(value: unknown): ExportCursor {
  // Sound: each member is checked below.
  const { part, after, unit } = { ...EXPORT_START, ...(value as Partial<ExportCursor>) }
  if (!Number.isSafeInteger(part) || typeof after !== 'string' || !Number.isSafeInteger(unit)) {
    throw new ApiError('invalid_request', 'not a cursor')
  }
  return { part, after, unit }
}
