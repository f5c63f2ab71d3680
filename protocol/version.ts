import { ProtocolError } from './errors.ts'
import type { Report } from './registration.ts'

/** `x-cocoon-version` of this code. @see SPEC.md section 13 */
export const VERSION = 1

/** What one release speaks: its own version and the one before. */
export interface Spoken {
  readonly newest: number
  readonly oldest: number
}

export function spokenBy(newest: number): Spoken {
  return { newest, oldest: Math.max(1, newest - 1) }
}

const SPOKEN = spokenBy(VERSION)

/** Parses the version header of a cocoon peer. @throws ProtocolError `version_unsupported`, with what to do */
export function readVersion(header: string, spoken: Spoken = SPOKEN): number {
  const version = /^[1-9][0-9]{0,3}$/.test(header) ? Number(header) : 0
  if (version >= spoken.oldest && version <= spoken.newest) return version
  const older = version > spoken.newest ? 'this peer' : 'the sender'
  throw unsupported(spoken, older)
}

const OFFERED = /^cocoon\/([1-9][0-9]{0,3})$/

/** As a report lists them, in `service_capabilities.supported_e2ee_versions`. */
export function offeredVersions({ newest, oldest }: Spoken = SPOKEN): readonly string[] {
  return newest === oldest ? [`cocoon/${newest}`] : [`cocoon/${oldest}`, `cocoon/${newest}`]
}

/**
 * The version to seal in: the newest that both speak. The list stands outside the quote, but whoever shortens it
 * gains nothing: every version that this code speaks is good enough.
 * @throws ProtocolError `version_unsupported`
 */
export function agreeVersion(report: Report, spoken: Spoken = SPOKEN): number {
  const theirs = listOf(report).flatMap((name) => {
    const version = OFFERED.exec(name)?.[1]
    return version === undefined ? [] : [Number(version)]
  })
  const common = theirs.filter((one) => one >= spoken.oldest && one <= spoken.newest)
  if (common.length > 0) return Math.max(...common)
  throw unsupported(spoken, Math.max(0, ...theirs) > spoken.newest ? 'this peer' : 'the runner')
}

function listOf({ service_capabilities: capabilities }: Report): readonly string[] {
  if (typeof capabilities !== 'object' || capabilities === null) return []
  // Sound: a non-null object is read by an own string key only.
  const list = (capabilities as Readonly<Record<string, unknown>>)['supported_e2ee_versions']
  return Array.isArray(list) ? list.filter((entry) => typeof entry === 'string') : []
}

function unsupported({ newest, oldest }: Spoken, older: string): ProtocolError {
  const range = newest === oldest ? `${newest}` : `${oldest} and ${newest}`
  return new ProtocolError(
    'version_unsupported',
    `this peer speaks x-cocoon-version ${range}: upgrade ${older}`,
  )
}
