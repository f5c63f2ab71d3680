import { ProtocolError } from './errors.ts'
import { hexOf, list } from './parse.ts'

/** What a caller demands of the attested session that serves a prompt. @see aci/1, "serving constraints" */
export interface ServingConstraints {
  /** Only genuine evidence will do: simulated hardware is refused. */
  readonly verified: boolean
  /** Sessions that the caller has verified itself; undefined: any. */
  readonly sessions: ReadonlySet<string> | undefined
}

export const NO_CONSTRAINTS: ServingConstraints = { verified: false, sessions: undefined }

const MAX_SESSIONS = 256
const KNOWN: ReadonlySet<string> = new Set(['aci_verified', 'aci_session_ids'])
const sessionIds = list(hexOf(32), { min: 1, max: MAX_SESSIONS })

/**
 * Reads them from a body's `provider`. An `aci_` member that is unknown is an error: a demand is never ignored.
 * @throws ProtocolError `message_invalid`, whose message names the member
 */
export function parseServingConstraints(provider: unknown): ServingConstraints {
  if (typeof provider !== 'object' || provider === null || Array.isArray(provider)) {
    return NO_CONSTRAINTS
  }
  const names = Object.keys(provider).filter((name) => name.startsWith('aci_'))
  if (names.length === 0) return NO_CONSTRAINTS
  if (names.some((name) => !KNOWN.has(name))) {
    throw new ProtocolError('message_invalid', 'provider: has an unknown aci_ member')
  }
  // Sound: a non-null, non-array object is read by own string keys only.
  const { aci_verified: verified = false, aci_session_ids: ids } = provider as Readonly<
    Record<string, unknown>
  >
  if (typeof verified !== 'boolean') {
    throw new ProtocolError('message_invalid', 'provider.aci_verified: not a boolean')
  }
  if (ids === undefined) return { verified, sessions: undefined }
  if ('aci_verified' in provider && !verified) {
    throw new ProtocolError('message_invalid', 'provider.aci_session_ids: implies aci_verified')
  }
  return { verified: true, sessions: new Set(sessionIds(ids, 'provider.aci_session_ids')) }
}
