import { Hono } from 'hono'
import { ApiError } from '../errors.ts'
import type { AppEnv } from '../http/env.ts'
import { readJson } from '../http/json-body.ts'
import type { Unit } from '../moving/unit.ts'
import { MovingError } from '../moving/write-unit.ts'
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
    // Sound: cocoon import has checked the stream; columns and amounts are checked where they are written.
    const { unit, digest } = (await readJson(context, MAX_UNIT_BYTES)) as {
      unit: Unit
      digest: string
    }
    try {
      return context.json({ written: await importUnit(objects, unit, String(digest)) })
    } catch (error) {
      // An error of an object comes with its message alone.
      const isRefusal = error instanceof MovingError || String(error).includes(' is here')
      if (isRefusal)
        throw new ApiError('conflict', 'It is here already, from elsewhere', { cause: error })
      throw error
    }
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

function readCursor(value: unknown): ExportCursor {
  // Sound: each member is checked below.
  const { part, after, unit } = { ...EXPORT_START, ...(value as Partial<ExportCursor>) }
  if (!Number.isSafeInteger(part) || typeof after !== 'string' || !Number.isSafeInteger(unit)) {
    throw new ApiError('invalid_request', 'not a cursor')
  }
  return { part, after, unit }
}
