import { type UnixSeconds, unixSeconds } from '#base/brand.ts'
import { fromBase64, hex } from '#base/bytes.ts'
import {
  friendlyAddress,
  type RegistrySnapshot,
  readBoc,
  readCellHash,
  readRegistryData,
  webSha256,
} from '#contracts/pure'
import { ClientError } from '../errors.ts'
import { type HttpDeps, member, postJson, textMember } from '../http.ts'
import type { RegistryPin } from './pinned.ts'

export interface RegistryReadingAt extends RegistrySnapshot {
  /** The chain's time of this state, as the endpoint tells it. */
  readonly stateAt: UnixSeconds
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
    const code = readBoc(fromBase64(textMember(state, 'code') ?? ''))
    if (hex(await readCellHash(code, webSha256)) !== pin.codeHash) {
      throw new ClientError('registry_wrong', 'The contract at the Registry address has other code')
    }
    const data = readBoc(fromBase64(textMember(state, 'data') ?? ''))
    return { ...readRegistryData(data), stateAt: stateTime(state) }
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
    params: { address: friendlyAddress(address) },
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
