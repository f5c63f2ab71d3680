import { type Allowlist, allowlistOf } from '#attestation'
import { type Clock, toSeconds, type UnixSeconds } from '#base/brand.ts'
import type { RegistrySnapshot } from '#contracts'
import type { Answer } from '../db/db.ts'
import { ApiError } from '../errors.ts'
import { codeOf, type Log } from '../log.ts'

/** The Registry on chain as this gateway last read it. */
export interface AllowlistSource {
  /** At most `MAX_AGE_SECONDS` old. @throws ApiError `chain_unavailable` */
  current(): Promise<Allowlist>
  /** Highest version ever seen: a lower one hides revocations. */
  minVersion(): number
  /** Reads anew; a job calls it. @returns whether it changed */
  refresh(): Promise<boolean>
  /** What was read last, for people. */
  snapshot(): { readonly readAt: UnixSeconds; readonly registry: RegistrySnapshot } | undefined
}

export interface AllowlistDeps {
  readonly readRegistry: () => Promise<RegistrySnapshot>
  readonly clock: Clock
  readonly log: Log
  /** Hashes that the operator denies beyond the Registry. */
  readonly denials: readonly string[]
  /** Survives restarts, so that an old provider cannot roll the list back then. */
  readonly floor: { get(): Answer<number>; put(version: number): Answer<void> }
}

/** Half of what the policy accepts, so that a failed reading can be repeated in time. */
const MAX_AGE_SECONDS = 300

export function createAllowlistSource(deps: AllowlistDeps): AllowlistSource {
  const { clock, floor } = deps
  let kept: { readonly readAt: UnixSeconds; readonly registry: RegistrySnapshot } | undefined
  let reading: Promise<boolean> | undefined
  let highest = 0

  async function read(): Promise<boolean> {
    const readAt = toSeconds(clock())
    const registry = await deps.readRegistry()
    const version = await floor.get()
    highest = Math.max(highest, version, registry.version)
    if (registry.version < version) {
      deps.log('error', 'the Registry went backwards', { version: registry.version })
      throw new ApiError('chain_unavailable', 'The Registry as read is older than before')
    }
    if (registry.version > version) await floor.put(registry.version)
    const changed = kept?.registry.version !== registry.version
    kept = { readAt, registry }
    return changed
  }

  const refresh = (): Promise<boolean> => {
    reading ??= read().finally(() => {
      reading = undefined
    })
    return reading
  }

  return {
    refresh,
    minVersion: () => highest,
    snapshot: () => kept,
    async current() {
      const now = toSeconds(clock())
      // A clock that was set back makes the list one of the future, which no policy accepts.
      if (kept === undefined || now < kept.readAt || now - kept.readAt > MAX_AGE_SECONDS) {
        try {
          await refresh()
        } catch (cause) {
          deps.log('warn', 'the Registry cannot be read', { code: codeOf(cause) })
          // The policy judges the age of what is left (at most ten minutes).
        }
      }
      if (kept === undefined) {
        throw new ApiError('chain_unavailable', 'The Registry has not been read yet')
      }
      return allowlistOf(kept.registry, { readAt: kept.readAt, now }, deps.denials)
    },
  }
}
