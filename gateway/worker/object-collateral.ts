import type { CollateralStore } from '#attestation'
import { type Clock, toSeconds } from '#base/brand.ts'
import { collateralOfText, collateralText } from '../runners/collateral-text.ts'

const PREFIX = 'collateral:'
/** A Durable Object's value holds at most 2 MB. */
const MAX_CHARS = 1_900_000
const MAX_ENTRIES = 1_024
/** A key holds at most 2 KiB. */
const MAX_NAME_CHARS = 1_000

/** Keeps the vendors' collateral in an object. Like every such store it may lose entries; each is verified on use. */
export function objectCollateral(kv: SyncKvStorage, clock: Clock): CollateralStore {
  return {
    async get(name) {
      const text = name.length > MAX_NAME_CHARS ? undefined : kv.get<string>(PREFIX + name)
      return text === undefined ? undefined : collateralOfText(text, name, toSeconds(clock()))
    },
    async put(entry) {
      const text = collateralText(entry)
      if (text.length > MAX_CHARS || entry.name.length > MAX_NAME_CHARS) return
      if ([...kv.list({ prefix: PREFIX, limit: MAX_ENTRIES })].length >= MAX_ENTRIES) {
        const [oldest] = kv.list({ prefix: PREFIX, limit: 1 })
        if (oldest !== undefined) kv.delete(oldest[0])
      }
      kv.put(PREFIX + entry.name, text)
    },
  }
}
