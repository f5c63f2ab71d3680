import { beginCell, Dictionary, type DictionaryValue } from '@ton/core'
import { fromHex } from '#base/bytes.ts'
import { REGISTRY_KIND, type RegistryKind, registryCode } from '#contracts'

export interface ListedEntry {
  readonly kind: RegistryKind
  /** Hex. */
  readonly hash: string
  readonly revokedAt?: number
}

export const REGISTRY_ADDRESS = `0:${'7e'.repeat(32)}`

const ENTRY: DictionaryValue<ListedEntry> = {
  serialize: ({ revokedAt = 0 }, builder) => {
    builder.storeUint(1, 32).storeUint(revokedAt, 32).storeUint(0, 256)
  },
  parse: () => {
    throw new Error('entries are only written')
  },
}

/** What a toncenter endpoint answers about the Registry's account. */
export function registryAnswer(state: {
  readonly version: number
  readonly entries: readonly ListedEntry[]
  /** Unix seconds. */
  readonly at: number
  /** Another contract's code. */
  readonly otherCode?: boolean
}): unknown {
  const dictionary = Dictionary.empty(Dictionary.Keys.BigUint(264), ENTRY)
  for (const entry of state.entries) {
    const key = (BigInt(REGISTRY_KIND[entry.kind]) << 256n) | BigInt(`0x${entry.hash}`)
    dictionary.set(key, entry)
  }
  const data = beginCell()
    .storeUint(state.version, 32)
    .storeUint(0, 32)
    .storeRef(beginCell().endCell())
    .storeDict(dictionary)
    .storeMaybeRef(null)
    .endCell()
  const other = beginCell()
    .storeBuffer(Buffer.from(fromHex('00')))
    .endCell()
  const code = state.otherCode === true ? other : registryCode()
  const result = {
    state: 'active',
    code: code.toBoc().toString('base64'),
    data: data.toBoc().toString('base64'),
    sync_utime: state.at,
  }
  return { ok: true, result }
}
