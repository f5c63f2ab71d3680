import type { Context } from 'hono'
import type { z } from 'zod'
import { ApiError } from '../errors.ts'
import { readJson } from '../http/json-body.ts'

const MAX_BODY_BYTES = 16 * 1024

/** Reads a small JSON body of a known shape. @throws ApiError that names the member at fault */
export async function readBody<T>(context: Context, schema: z.ZodType<T>): Promise<T> {
  const result = schema.safeParse(await readJson(context, MAX_BODY_BYTES))
  if (result.success) return result.data
  const param = result.error.issues[0]?.path.join('.')
  throw new ApiError('invalid_request', 'A member of the request body is not valid', {
    ...(param === undefined || param === '' ? {} : { param }),
  })
}
