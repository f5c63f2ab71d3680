import { type CollateralEntry, encodeBundle, parseBundle } from '#attestation'
import type { UnixSeconds } from '#base/brand.ts'

/** One kept document of a vendor, as a bundle of its own. */
export function collateralText(entry: CollateralEntry): string {
  const collateral = new Map([[entry.name, entry]])
  return JSON.stringify(encodeBundle({ created: entry.fetchedAt, collateral }))
}

/** The inverse: by its name, so that what somebody renamed is not what was asked for. */
export function collateralOfText(
  text: string,
  name: string,
  now: UnixSeconds,
): CollateralEntry | undefined {
  const json: unknown = JSON.parse(text)
  return parseBundle(json, { now, maxAgeSeconds: Number.MAX_SAFE_INTEGER }).collateral.get(name)
}
