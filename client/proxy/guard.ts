import { equalBytes, utf8 } from '#base/bytes.ts'

/** Who may use the proxy. */
export interface GuardSettings {
  /** Exact `Host` values that are this proxy; anything else is a rebound name (H16). */
  readonly hosts: ReadonlySet<string>
  /** Exact origins of web pages that may call it. */
  readonly origins: ReadonlySet<string>
  /** What clients send as their API key; set whenever the proxy holds the real one. */
  readonly token: string | undefined
}

export interface GuardedRequest {
  readonly method: string
  readonly host: string | undefined
  readonly origin: string | undefined
  readonly contentType: string | undefined
  readonly authorization: string | undefined
  /** Whether it may spend: the status page and /health may be read by whoever sits at this machine. */
  readonly spends: boolean
}

export interface Objection {
  readonly status: number
  readonly code: string
  readonly message: string
}

const JSON_TYPE = 'application/json'

/**
 * Whether a request came from whom this proxy serves. A web page can send to any address of this machine, and can make
 * its own name resolve to it: so the name, the page and the content type must all be right before a key is used (H16).
 * @returns undefined when nothing speaks against it
 */
export function objection(request: GuardedRequest, settings: GuardSettings): Objection | undefined {
  const { host, origin, method, contentType } = request
  if (host === undefined || !settings.hosts.has(host.toLowerCase())) {
    return {
      status: 421,
      code: 'host_refused',
      message: 'This proxy answers under its own address only. Fix: use the address it printed.',
    }
  }
  if (origin !== undefined && !settings.origins.has(origin)) {
    return {
      status: 403,
      code: 'origin_refused',
      message: 'This web page is not listed. Fix: start cocoon connect with --origin <its origin>.',
    }
  }
  if (method === 'POST' && mediaType(contentType) !== JSON_TYPE) {
    return {
      status: 415,
      code: 'content_type_refused',
      message: 'Fix: send Content-Type: application/json.',
    }
  }
  if (request.spends && !hasToken(request.authorization, settings.token)) {
    return {
      status: 401,
      code: 'token_required',
      message: 'Fix: use the token that cocoon connect printed at start as the API key.',
    }
  }
  return undefined
}

function mediaType(value: string | undefined): string {
  return (value ?? '').split(';', 1)[0]?.trim().toLowerCase() ?? ''
}

function hasToken(authorization: string | undefined, token: string | undefined): boolean {
  if (token === undefined) return true
  return equalBytes(utf8(authorization ?? ''), utf8(`Bearer ${token}`))
}
