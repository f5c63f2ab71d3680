import { ACI_HEADER, ACI_VERSION } from '#protocol'

/**
 * Any page may call this API with a key of its own; no cookie means anything here, so that credentials are never
 * allowed. A `*` would not cover `authorization`, so that a preflight's wishes are repeated.
 */
const EXPOSED = [
  'x-request-id',
  'x-receipt-id',
  'x-should-retry',
  'retry-after',
  'link',
  'openai-processing-ms',
  'server-timing',
  ...['limit', 'remaining', 'reset'].flatMap((what) =>
    ['requests', 'tokens'].map((of) => `x-ratelimit-${what}-${of}`),
  ),
  ACI_HEADER.version,
  ACI_HEADER.keysetDigest,
  'ehbp-response-nonce',
  'retry-after-ms',
  'x-cocoon-attestation',
  'x-cocoon-balance',
  'x-cocoon-commitment-key',
  'x-cocoon-confidentiality',
  'x-cocoon-model',
  'x-cocoon-runner',
  'x-cocoon-session-id',
].join(', ')

/** Headers of every answer of the API, errors too. @see aci/1, "response headers" */
export const COMMON_HEADERS: Readonly<Record<string, string>> = {
  'access-control-allow-origin': '*',
  'access-control-expose-headers': EXPOSED,
  [ACI_HEADER.version]: ACI_VERSION,
}

const PREFLIGHT_SECONDS = '86400'
const MAX_HEADER_LIST = 4_096

/** Headers of the answer (204) to a preflight. @param asked `access-control-request-headers` */
export function preflightHeaders(asked: string | undefined): Readonly<Record<string, string>> {
  const list = asked !== undefined && /^[A-Za-z0-9, _-]*$/.test(asked) ? asked : ''
  return {
    ...COMMON_HEADERS,
    'access-control-allow-methods': 'GET, POST, PUT, PATCH, DELETE, OPTIONS',
    'access-control-allow-headers': list.slice(0, MAX_HEADER_LIST),
    'access-control-max-age': PREFLIGHT_SECONDS,
    vary: 'access-control-request-headers',
  }
}
