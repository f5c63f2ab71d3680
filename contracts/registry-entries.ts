import { hex } from '#base/bytes.ts'
import type { ReadCell } from './boc.ts'
import { CellSlice, readDictionary } from './cell-slice.ts'

/** Kinds of entries; the README says what each kind's hash is taken over. */
export const REGISTRY_KIND = {
  image: 0,
  model: 1,
  meterKey: 2,
  till: 3,
  platform: 4,
} as const

export type RegistryKind = keyof typeof REGISTRY_KIND

export interface RegistryEntry {
  /** Unix seconds; 0 for an entry that was denied without ever having been added. */
  readonly activeFrom: number
  /** Unix seconds; 0 while it is not revoked. */
  readonly revokedAt: number
  /** 32 bytes, lower-case hex. */
  readonly meta: string
}

/** The whole allowlist as read at one moment. */
export interface RegistrySnapshot {
  /** Grows with every change: a reader refuses a lower one than it has seen. */
  readonly version: number
  /** By kind and lower-case hex hash. */
  readonly entries: Readonly<Record<RegistryKind, ReadonlyMap<string, RegistryEntry>>>
}

const KEY_BITS = 8 + 256
const HASH_MASK = (1n << 256n) - 1n
const META_BYTES = 32

/** Judged by the reader's own clock, never by the chain's answer. */
export function isActive(entry: RegistryEntry | undefined, now: number): boolean {
  return entry !== undefined && entry.revokedAt === 0 && entry.activeFrom <= now
}

/**
 * The allowlist in the contract's own data, without @ton/core.
 * @throws ReadError
 * @see contracts/registry/schema.tolk Store
 */
export function readRegistryData(data: ReadCell): RegistrySnapshot {
  const slice = new CellSlice(data)
  const version = Number(slice.uint(32))
  slice.uint(32)
  slice.ref()
  const root = slice.bit() === 1 ? slice.ref() : undefined
  const entries = readDictionary(root, KEY_BITS, (leaf) => ({
    activeFrom: Number(leaf.uint(32)),
    revokedAt: Number(leaf.uint(32)),
    meta: hex(leaf.bytes(META_BYTES)),
  }))
  return { version, entries: entriesByKind(entries) }
}

/** @param all entries by the key's number: kind, then hash */
export function entriesByKind(
  all: readonly (readonly [key: bigint, entry: RegistryEntry])[],
): RegistrySnapshot['entries'] {
  const ofKind = (kind: RegistryKind) =>
    new Map(
      all
        .filter(([key]) => key >> 256n === BigInt(REGISTRY_KIND[kind]))
        .map(([key, entry]) => [(key & HASH_MASK).toString(16).padStart(64, '0'), entry] as const),
    )
  return {
    image: ofKind('image'),
    model: ofKind('model'),
    meterKey: ofKind('meterKey'),
    till: ofKind('till'),
    platform: ofKind('platform'),
  }
}
