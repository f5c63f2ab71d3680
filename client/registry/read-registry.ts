import { Address, Cell, Dictionary, type DictionaryValue } from '@ton/core'
import { type UnixSeconds, unixSeconds } from '#base/brand.ts'
import { hex } from '#base/bytes.ts'
import {
  REGISTRY_KIND,
  type RegistryEntry,
  type RegistryKind,
  type RegistrySnapshot,
} from '#contracts'
import { ClientError } from '../errors.ts'
import { type HttpDeps, member, postJson, textMember } from '../http.ts'

/** Which contract is the Registry: pinned by the release or given by the user, never by the gateway (C4). */
export interface RegistryPin {
  /** Raw address. */
  readonly address: string
  /** Lower-case hex. */
  readonly codeHash: string
}

export interface RegistryReadingAt extends RegistrySnapshot {
  /** The chain's time of this state, as the endpoint tells it. */
  readonly stateAt: UnixSeconds
}

const KEY_BITS = 8 + 256
const HASH_MASK = (1n << 256n) - 1n

const ENTRY: DictionaryValue<RegistryEntry> = {
  serialize: () => {
    throw new Error('entries are only read')
  },
  parse: (slice) => ({
    activeFrom: slice.loadUint(32),
    revokedAt: slice.loadUint(32),
    meta: hex(slice.loadBuffer(32)),
  }),
}

/**
 * Reads the Registry's whole state through one TON endpoint (toncenter's JSON-RPC), code and data of the same
 * moment in one answer.
 * @throws ClientError `registry_unreachable` or `registry_wrong`
 */
export async function readRegistry(
  deps: HttpDeps,
  endpoint: string,
  pin: RegistryPin,
): Promise<RegistryReadingAt> {
  const state = await accountState(deps, endpoint, pin.address)
  try {
    const code = Cell.fromBase64(textMember(state, 'code') ?? '')
    if (hex(code.hash()) !== pin.codeHash) {
      throw new ClientError('registry_wrong', 'The contract at the Registry address has other code')
    }
    const data = Cell.fromBase64(textMember(state, 'data') ?? '')
    return { ...readData(data), stateAt: stateTime(state) }
  } catch (cause) {
    if (cause instanceof ClientError) throw cause
    throw new ClientError('registry_wrong', 'There is no Registry at this address', { cause })
  }
}

async function accountState(deps: HttpDeps, endpoint: string, address: string): Promise<unknown> {
  const call = {
    jsonrpc: '2.0',
    id: 1,
    method: 'getAddressInformation',
    params: { address: Address.parseRaw(address).toString() },
  }
  let answer: unknown
  try {
    answer = await postJson(deps, endpoint, call)
  } catch (cause) {
    throw new ClientError('registry_unreachable', 'A TON endpoint does not answer', { cause })
  }
  const result = member(answer, 'result')
  if (member(answer, 'ok') !== true || result === undefined) {
    throw new ClientError('registry_unreachable', 'A TON endpoint refused the question')
  }
  return result
}

function stateTime(state: unknown): UnixSeconds {
  const time = member(state, 'sync_utime')
  if (typeof time !== 'number') throw new RangeError('no time')
  return unixSeconds(time)
}

/** @see contracts/registry/schema.tolk Store */
function readData(data: Cell): RegistrySnapshot {
  const slice = data.beginParse()
  const version = slice.loadUint(32)
  slice.skip(32)
  slice.loadRef()
  const all = [...slice.loadDict(Dictionary.Keys.BigUint(KEY_BITS), ENTRY)]
  const ofKind = (kind: RegistryKind): ReadonlyMap<string, RegistryEntry> =>
    new Map(
      all
        .filter(([key]) => key >> 256n === BigInt(REGISTRY_KIND[kind]))
        .map(([key, entry]) => [(key & HASH_MASK).toString(16).padStart(64, '0'), entry] as const),
    )
  return {
    version,
    entries: {
      image: ofKind('image'),
      model: ofKind('model'),
      meterKey: ofKind('meterKey'),
      till: ofKind('till'),
      platform: ofKind('platform'),
    },
  }
}
