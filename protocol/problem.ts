import { PROTOCOL_ERRORS, type ProtocolError, type ProtocolErrorCode } from './errors.ts'
import { KEY_CONFIG_PROBLEM, PROBLEM_TYPE } from './labels.ts'

/** HTTP status of each refusal that a runner gives before it can seal one. @see SPEC.md section 11 */
const STATUS = {
  bad_input: 400,
  message_invalid: 400,
  header_invalid: 400,
  suite_unsupported: 400,
  version_unsupported: 426,
  key_config_invalid: 400,
  key_config_unsupported: 400,
  key_stale: 422,
  frame_too_large: 413,
  frame_truncated: 400,
  frame_unauthentic: 400,
  end_missing: 400,
  end_trailing: 400,
  head_mismatch: 400,
  head_expired: 400,
  cost_above_maximum: 402,
  replayed: 409,
  replay_full: 503,
  session_gone: 409,
  counter_reused: 409,
  session_limit: 503,
  allowance_invalid: 403,
  allowance_expired: 403,
  signature_invalid: 403,
  message_expired: 403,
  receipt_mismatch: 502,
} as const satisfies Record<ProtocolErrorCode, number>

const URN = 'urn:cocoon:error:'

/** A refusal as it travels outside the seal: the receiver must treat it as unauthenticated. */
export interface Problem {
  readonly status: number
  readonly contentType: typeof PROBLEM_TYPE
  readonly body: {
    readonly type: string
    readonly title: string
    readonly status: number
    readonly code: ProtocolErrorCode
  }
}

export function toProblem(error: ProtocolError): Problem {
  const status = STATUS[error.code]
  const type =
    error.code === 'key_stale' ? KEY_CONFIG_PROBLEM : `${URN}${error.code.replaceAll('_', '-')}`
  return {
    status,
    contentType: PROBLEM_TYPE,
    body: { type, title: error.message, status, code: error.code },
  }
}

/** The code of a peer's problem body, if it is one of ours. */
export function problemCode(body: unknown): ProtocolErrorCode | undefined {
  if (typeof body !== 'object' || body === null) return undefined
  if (
    'code' in body &&
    typeof body.code === 'string' &&
    Object.hasOwn(PROTOCOL_ERRORS, body.code)
  ) {
    // Sound: the table's own keys are the codes.
    return body.code as ProtocolErrorCode
  }
  return 'type' in body && body.type === KEY_CONFIG_PROBLEM ? 'key_stale' : undefined
}
