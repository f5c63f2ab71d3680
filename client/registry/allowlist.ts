import { type Allowlist, allowlistOf, type RegistryReading } from '#attestation'
import { type Clock, toSeconds, type UnixSeconds, unixSeconds } from '#base/brand.ts'
import { ClientError } from '../errors.ts'
import { getJson, type HttpDeps, member, textMember } from '../http.ts'
import { agreedReading } from './agree.ts'
import type { RegistryPin } from './pinned.ts'
import { type RegistryReadingAt, readRegistry } from './read-registry.ts'

/** Where the allowlist comes from: the chain, by endpoints of one's own, or the gateway's word. */
export type AllowlistSettings =
  | {
      readonly kind: 'registry'
      readonly pin: RegistryPin
      /** At least one; two or more must agree. */
      readonly endpoints: readonly string[]
      /** Highest version that an earlier run saw; 0 for none. */
      readonly minVersion: number
    }
  | { readonly kind: 'gateway'; readonly origin: string }

/** What is said about the allowlist to a person. */
export interface AllowlistStatement {
  readonly source: 'registry' | 'registry by one endpoint' | 'as told by gateway'
  readonly version: number
  /** Unix seconds. */
  readonly readAt: number
}

export interface CurrentAllowlist {
  readonly allowlist: Allowlist
  readonly minVersion: number
  readonly statement: AllowlistStatement
  /** Whether a Till with this account hash stands in an allowlist that the gateway did not write. */
  readonly tills: ReadonlySet<string>
}

export type AllowlistReader = () => Promise<CurrentAllowlist>

/** Half of what a verdict accepts, so that a failed reading can be repeated in time. */
const REFRESH_SECONDS = 300

/** Reads the allowlist, keeps it for five minutes, and refuses to go back to an older version. */
export function createAllowlistReader(
  deps: HttpDeps & { readonly clock: Clock },
  settings: AllowlistSettings,
): AllowlistReader {
  let minVersion = settings.kind === 'registry' ? settings.minVersion : 0
  let kept: CurrentAllowlist | undefined
  let reading: Promise<CurrentAllowlist> | undefined

  async function read(): Promise<CurrentAllowlist> {
    const now = toSeconds(deps.clock())
    const found =
      settings.kind === 'registry'
        ? await readChain(deps, settings, { now, minVersion })
        : await readGateway(deps, settings.origin, now)
    const { readAt, reading: snapshot, source, tills } = found
    if (snapshot.version < minVersion) {
      throw new ClientError('registry_stale', 'The allowlist is older than one seen before')
    }
    minVersion = snapshot.version
    kept = {
      allowlist: allowlistOf(snapshot, { readAt, now }, []),
      minVersion,
      statement: { source, version: snapshot.version, readAt },
      tills,
    }
    return kept
  }

  return async () => {
    const now = toSeconds(deps.clock())
    if (kept !== undefined && isFresh(kept, now)) return kept
    reading ??= read().finally(() => {
      reading = undefined
    })
    return reading
  }
}

/** A clock that was set back makes a list one of the future, which no policy accepts. */
function isFresh({ allowlist }: CurrentAllowlist, now: UnixSeconds): boolean {
  return allowlist.readAt <= now && now - allowlist.readAt < REFRESH_SECONDS
}

interface Found {
  readonly reading: RegistryReading
  readonly readAt: UnixSeconds
  readonly source: AllowlistStatement['source']
  readonly tills: ReadonlySet<string>
}

async function readChain(
  deps: HttpDeps,
  settings: Extract<AllowlistSettings, { kind: 'registry' }>,
  known: { readonly now: UnixSeconds; readonly minVersion: number },
): Promise<Found> {
  const [first, ...others] = await readAll(deps, settings)
  if (first === undefined) throw new ClientError('bad_option', 'No TON endpoint was given')
  const reading = agreedReading([first, ...others], known)
  const tills = [...reading.entries.till].filter(
    ([, { activeFrom, revokedAt }]) => revokedAt === 0 && activeFrom <= known.now,
  )
  return {
    reading,
    // As old as the oldest word of it: what was revoked since is not seen for ten minutes in all, not twenty (C4).
    readAt: unixSeconds(Math.min(known.now, ...[first, ...others].map(({ stateAt }) => stateAt))),
    source: others.length > 0 ? 'registry' : 'registry by one endpoint',
    tills: new Set(tills.map(([hash]) => hash)),
  }
}

async function readAll(
  deps: HttpDeps,
  { endpoints, pin }: Extract<AllowlistSettings, { kind: 'registry' }>,
): Promise<RegistryReadingAt[]> {
  const read = () => Promise.all(endpoints.map((url) => readRegistry(deps, url, pin)))
  const readings = await read()
  const agree = new Set(readings.map(({ version }) => version)).size <= 1
  // A change may have reached one endpoint a moment before the other: one more look.
  return agree ? readings : read()
}

/** The gateway's copy of the Registry: good for development, a claim otherwise (C4). */
async function readGateway(deps: HttpDeps, origin: string, now: UnixSeconds): Promise<Found> {
  const answer = await getJson(deps, `${origin}/v1/registry`)
  const entries = member(answer, 'entries')
  const version = member(answer, 'version')
  const readAt = member(answer, 'read_at')
  if (typeof version !== 'number' || typeof readAt !== 'number') {
    throw new ClientError('gateway_misbehaved', 'The answer of GET /v1/registry has no version')
  }
  return {
    reading: {
      version,
      entries: {
        image: entriesOf(entries, 'image'),
        model: entriesOf(entries, 'model'),
        platform: entriesOf(entries, 'platform'),
      },
    },
    readAt: unixSeconds(Math.min(readAt, now)),
    source: 'as told by gateway',
    tills: new Set(),
  }
}

function entriesOf(entries: unknown, kind: string): RegistryReading['entries']['image'] {
  const list = member(entries, kind)
  if (!Array.isArray(list)) return new Map()
  return new Map(
    list.flatMap((entry: unknown) => {
      const hash = textMember(entry, 'hash')
      const meta = textMember(entry, 'meta')
      const activeFrom = member(entry, 'active_from')
      const revokedAt = member(entry, 'revoked_at')
      const valid = typeof activeFrom === 'number' && typeof revokedAt === 'number'
      if (hash === undefined || meta === undefined || !/^[0-9a-f]{64}$/.test(meta) || !valid) {
        return []
      }
      return [[hash, { activeFrom, revokedAt, meta }] as const]
    }),
  )
}
