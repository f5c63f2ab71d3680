import type { Context } from 'hono'
import type { z } from 'zod'
import { ApiError } from '../errors.ts'
import type { AppEnv } from '../http/env.ts'
import { readJson } from '../http/json-body.ts'
import { parseShape } from '../parse-shape.ts'

const MAX_BODY_BYTES = 16 * 1024

/** Reads a small JSON body of a known shape. @throws ApiError that names the member at fault */
export async function readBody<T>(context: Context<AppEnv>, schema: z.ZodType<T>): Promise<T> {
  const result = parseShape(schema, await readJson(context, MAX_BODY_BYTES))
  if (result.ok) return result.data
  const { issue } = result
  const param = issue?.path.join('.') ?? ''
  throw new ApiError('invalid_request', reasonOf(issue), param === '' ? {} : { param })
}

/** What is wrong, in words of the schema alone: the names of unknown members are the caller's. */
function reasonOf(issue: z.core.$ZodIssue | undefined): string {
  if (issue === undefined)
    return 'A member of the request body is of another type than /openapi.yaml says'
  if (issue.code === 'unrecognized_keys') {
    return 'The request body has a member that is unknown here: see /openapi.yaml'
  }
  return `A member of the request body is not valid: ${issue.message}`
}
