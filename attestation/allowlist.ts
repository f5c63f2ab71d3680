import type { UnixSeconds } from '#base/brand.ts'
import { type AllowedImage, type Allowlist, IMAGE_META } from './policy.ts'

/** A Registry entry as its reader gives it. */
interface Entry {
  /** Unix seconds; 0 for an entry that was denied without ever having been added. */
  readonly activeFrom: number
  /** Unix seconds; 0 while it is not revoked. */
  readonly revokedAt: number
  /** 32 bytes, hex. */
  readonly meta: string
}

type Entries = ReadonlyMap<string, Entry>

export interface RegistryReading {
  readonly version: number
  readonly entries: {
    readonly image: Entries
    readonly model: Entries
    readonly platform: Entries
  }
}

/**
 * Turns a reading of the Registry into the allowlist of a policy. Activity is judged by the reader's own clock
 * (C4). A revoked image or model is denied; a machine is denied only if it was denied outright, since the end
 * of its custody listing is no reason to refuse it.
 * @param denials hashes of any kind that the operator denies on top
 */
export function allowlistOf(
  reading: RegistryReading,
  when: { readonly readAt: UnixSeconds; readonly now: UnixSeconds },
  denials: readonly string[],
): Allowlist {
  const { image, model, platform } = reading.entries
  const active = (entries: Entries): [string, Entry][] =>
    [...entries].filter(([, entry]) => entry.revokedAt === 0 && entry.activeFrom <= when.now)
  const revoked = (entries: Entries): string[] =>
    [...entries].filter(([, { revokedAt }]) => revokedAt !== 0).map(([hash]) => hash)
  const outright = [...platform].filter(
    ([, entry]) => entry.revokedAt !== 0 && entry.activeFrom === 0,
  )
  return {
    readAt: when.readAt,
    version: reading.version,
    images: new Map(active(image).map(([hash, { meta }]) => [hash, allowedImage(meta)])),
    models: new Set(active(model).map(([hash]) => hash)),
    platforms: new Set(active(platform).map(([hash]) => hash)),
    denied: new Set([
      ...revoked(image),
      ...revoked(model),
      ...outright.map(([hash]) => hash),
      ...denials,
    ]),
  }
}

function allowedImage(meta: string): AllowedImage {
  const bits = BigInt(`0x${meta}`)
  return {
    enforcesWeights: (bits & IMAGE_META.enforcesWeights) !== 0n,
    enforcesGpu: (bits & IMAGE_META.enforcesGpu) !== 0n,
  }
}
