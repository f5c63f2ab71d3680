import type { UnixSeconds } from '#base/brand.ts'
import type { Json } from '#base/jcs.ts'
import { jcs } from '#base/jcs.ts'
import { ClientError } from '../errors.ts'
import type { RegistryReadingAt } from './read-registry.ts'

/** The age at which a reading no longer shows what was revoked (C4). */
export const MAX_AGE_SECONDS = 600

/**
 * One reading out of those of independent endpoints: they must tell the same entries, recently, and no older
 * version than was seen before.
 * @throws ClientError `registry_disagrees` or `registry_stale`
 */
export function agreedReading(
  readings: readonly [RegistryReadingAt, ...RegistryReadingAt[]],
  known: { readonly now: UnixSeconds; readonly minVersion: number },
): RegistryReadingAt {
  const [first, ...others] = readings
  const text = jcs(comparable(first))
  if (others.some((other) => jcs(comparable(other)) !== text)) {
    throw new ClientError('registry_disagrees', 'TON endpoints tell different allowlists')
  }
  if (readings.some(({ stateAt }) => known.now - stateAt > MAX_AGE_SECONDS)) {
    throw new ClientError('registry_stale', `The allowlist is over ${MAX_AGE_SECONDS} s old`)
  }
  if (first.version < known.minVersion) {
    throw new ClientError('registry_stale', 'The allowlist is older than one seen before')
  }
  return first
}

function comparable({ version, entries }: RegistryReadingAt): Json {
  const sorted = Object.entries(entries).map(([kind, found]) => [
    kind,
    [...found]
      .map(([hash, { activeFrom, revokedAt, meta }]) => [hash, activeFrom, revokedAt, meta])
      .sort(([a], [b]) => (String(a) < String(b) ? -1 : 1)),
  ])
  return [version, sorted]
}
