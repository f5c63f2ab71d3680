import { CodedError } from '#base/coded-error.ts'

/**
 * Every way in which a peer's bytes, keys or times can be wrong, and what the caller does about it.
 *
 * | action    | meaning |
 * |-----------|---------|
 * | fix       | the caller's own code or message is wrong; repeating it cannot help |
 * | re-attest | fetch and verify the runner's keys again, seal again, send once more |
 * | reopen    | (gateway) open a new session context to the same runner and seal again |
 * | retry     | nothing was done; the same request may go to another runner |
 * | rotate    | (runner) make a new keyset and attest it; refuse work until then |
 * | stop      | someone altered or cut what was sent; deliver nothing more, report, do not repeat by itself |
 */
export const PROTOCOL_ERRORS = {
  /** An argument is out of its documented shape. Action: fix. */
  bad_input: 'fix',
  /** A message from a peer is not what its SPEC section says. Action: fix. */
  message_invalid: 'fix',
  /** A protocol header is missing, repeated or not in canonical form. Action: fix. */
  header_invalid: 'fix',
  /** The encapsulated key has the length of no suite of ours. Action: fix. */
  suite_unsupported: 'fix',
  /** `x-cocoon-version` is neither ours nor the one before. Action: fix (upgrade the older side). */
  version_unsupported: 'fix',
  /** The key configuration is malformed. Action: stop. */
  key_config_invalid: 'stop',
  /** The first key configuration is for algorithms that we do not speak. Action: fix. */
  key_config_unsupported: 'fix',
  /** The body was not sealed to this key, or was altered on the way in. Action: re-attest. */
  key_stale: 're-attest',
  /** A frame announces more than 64 MiB. Action: stop. */
  frame_too_large: 'stop',
  /** The body ended inside a frame. Action: stop. */
  frame_truncated: 'stop',
  /** A frame failed to authenticate: altered, reordered, replayed or from another body. Action: stop. */
  frame_unauthentic: 'stop',
  /** The body ended without its authenticated END frame. Action: stop. */
  end_missing: 'stop',
  /** Bytes follow the END frame. Action: stop. */
  end_trailing: 'stop',
  /** The sealed head differs from the request that arrived, or asks for what SPEC 3 refuses. Action: fix. */
  head_mismatch: 'fix',
  /** The sealed head's `notAfter` has passed. Action: retry with a new head. */
  head_expired: 'retry',
  /** The allowance would charge more than the head's `maxCost`. Action: fix (raise it, or another runner). */
  cost_above_maximum: 'fix',
  /** This encapsulated key was used before. Action: stop; seal again for a new request. */
  replayed: 'stop',
  /** The replay set is full and is never evicted. Action: rotate. */
  replay_full: 'rotate',
  /** The session context is unknown, expired, used up, or its keys are gone. Action: reopen. */
  session_gone: 'reopen',
  /** This session counter was used before. Action: stop; take the next counter for a new attempt. */
  counter_reused: 'stop',
  /** Too many session contexts at once. Action: retry later. */
  session_limit: 'retry',
  /** The allowance is not one of this gateway's, or not for this body. Action: fix. */
  allowance_invalid: 'fix',
  /** The allowance has expired. Action: retry with a new one. */
  allowance_expired: 'retry',
  /** A signature does not verify under the key that must have made it. Action: stop. */
  signature_invalid: 'stop',
  /** A signed message is older or newer than its window. Action: fix (the clock), then sign again. */
  message_expired: 'fix',
  /** The receipt is absent, not last, or does not match what was received. Action: stop; dispute the bill. */
  receipt_mismatch: 'stop',
} as const satisfies Record<string, ProtocolAction>

export type ProtocolAction = 'fix' | 're-attest' | 'reopen' | 'retry' | 'rotate' | 'stop'
export type ProtocolErrorCode = keyof typeof PROTOCOL_ERRORS

/** The one error of this folder. Messages hold field names, counts and codes, never values. */
export class ProtocolError extends CodedError<ProtocolErrorCode> {
  override readonly name = 'ProtocolError'

  /** What the caller does about it. */
  get action(): ProtocolAction {
    return PROTOCOL_ERRORS[this.code]
  }
}
