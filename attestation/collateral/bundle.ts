import { type UnixSeconds, unixSeconds } from '#base/brand.ts'
import { base64 } from '#base/bytes.ts'
import type { Json } from '#base/jcs.ts'
import { demand } from '../errors.ts'
import { arrayField, base64Field, objectField, textField } from '../fields.ts'
import { isKeySetName } from '../nras/names.ts'
import type { Collateral, CollateralEntry } from './entry.ts'

/**
 * The offline bundle: collateral as it was received, for verifying without a network. It holds no roots
 * (H17) and proves nothing by itself: every entry is verified like a fetched one.
 */
export interface Bundle {
  readonly created: UnixSeconds
  readonly collateral: Collateral
}

const VERSION = 1
const MAX_ENTRIES = 128
const MAX_BODY_BYTES = 1_048_576
const MAX_NAME_CHARS = 512
const MAX_HEADERS = 4
const MAX_HEADER_CHARS = 65_536

export function encodeBundle({ created, collateral }: Bundle): Json {
  return {
    version: VERSION,
    created,
    entries: [...collateral.values()].map(({ name, body, headers, fetchedAt }) => {
      return { name, body: base64(body), headers: { ...headers }, fetched_at: fetchedAt }
    }),
  }
}

/**
 * Parses a bundle and refuses one that is too old: expired collateral is an error, never a warning (M8).
 * @throws AttestationError parse, too-large or collateral-stale
 */
export function parseBundle(
  value: unknown,
  limits: { readonly now: UnixSeconds; readonly maxAgeSeconds: number },
): Bundle {
  const bundle = objectField(value, 'bundle')
  demand(bundle['version'] === VERSION, 'parse', 'bundle version')
  const created = timeField(bundle['created'], 'bundle time')
  const age = limits.now - created
  const fresh = age >= 0 && age <= limits.maxAgeSeconds
  demand(fresh, 'collateral-stale', `bundle is ${age} s old, at most ${limits.maxAgeSeconds} s`)
  const entries = arrayField(bundle['entries'], 'bundle entries', MAX_ENTRIES).map(parseEntry)
  const collateral = new Map(entries.map((entry) => [entry.name, entry]))
  demand(collateral.size === entries.length, 'parse', 'bundle names an entry twice')
  // A key set from somebody else would be a root of theirs: it is fetched.
  for (const name of collateral.keys()) if (isKeySetName(name)) collateral.delete(name)
  return { created, collateral }
}

function parseEntry(value: unknown): CollateralEntry {
  const entry = objectField(value, 'bundle entry')
  const pairs = Object.entries(objectField(entry['headers'], 'bundle headers'))
  demand(pairs.length <= MAX_HEADERS, 'too-large', 'bundle entry has too many headers')
  return {
    name: textField(entry['name'], 'entry name', MAX_NAME_CHARS),
    body: base64Field(entry['body'], 'entry body', MAX_BODY_BYTES),
    headers: Object.fromEntries(
      pairs.map(([name, text]) => [name, textField(text, 'entry header', MAX_HEADER_CHARS)]),
    ),
    fetchedAt: timeField(entry['fetched_at'], 'entry time'),
  }
}

function timeField(value: unknown, what: string): UnixSeconds {
  const valid = typeof value === 'number' && Number.isSafeInteger(value) && value >= 0
  demand(valid, 'parse', `${what} is not a time`)
  return unixSeconds(value)
}
