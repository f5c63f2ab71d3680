import { ProtocolError } from './errors.ts'

/** `x-cocoon-version` of this code. It speaks this one and the one before. @see SPEC.md section 13 */
export const VERSION = 1
export const OLDEST_VERSION = 1

/** Parses the version header of a cocoon peer. */
export function readVersion(header: string): number {
  const version = /^[1-9][0-9]{0,3}$/.test(header) ? Number(header) : 0
  if (version < OLDEST_VERSION || version > VERSION) {
    throw new ProtocolError(
      'version_unsupported',
      `this peer speaks x-cocoon-version ${OLDEST_VERSION} to ${VERSION}`,
    )
  }
  return version
}
