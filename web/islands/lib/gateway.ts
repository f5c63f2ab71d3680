import { member, textMember } from '#base/members.ts'

/** What the gateway refused, by its own code; show `message`. */
export class Refused extends Error {
  override readonly name = 'Refused'
  readonly status: number
  readonly code: string

  constructor(status: number, code: string, message: string) {
    super(message)
    this.status = status
    this.code = code
  }
}

const TIMEOUT_MS = 30_000

/** One call of the gateway's API. @throws Refused */
export async function call(
  path: string,
  options: {
    readonly key?: string | undefined
    readonly method?: string
    readonly body?: unknown
  } = {},
): Promise<unknown> {
  const { key, method = 'GET', body } = options
  const response = await reach(path, {
    method,
    headers: {
      accept: 'application/json',
      ...(key === undefined ? {} : { authorization: `Bearer ${key}` }),
      ...(body === undefined ? {} : { 'content-type': 'application/json' }),
    },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    signal: AbortSignal.timeout(TIMEOUT_MS),
  })
  const json: unknown = await response.json().catch(() => undefined)
  if (response.ok) return json
  const error = member(json, 'error')
  const message = textMember(error, 'message') ?? `The gateway answered ${response.status}.`
  throw new Refused(response.status, textMember(error, 'code') ?? '', message)
}

async function reach(path: string, init: RequestInit): Promise<Response> {
  try {
    return await fetch(path, init)
  } catch {
    throw new Refused(
      0,
      'unreachable',
      'The gateway does not answer. Check your network and try again.',
    )
  }
}

/** What to tell a person about anything thrown. */
export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : 'Something went wrong.'
}
