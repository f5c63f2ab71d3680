import { hex, utf8 } from '#base/bytes.ts'
import {
  type AccountKeys,
  type AccountMode,
  accountIdOf,
  accountKeysToJson,
  type BitCell,
  signBits,
} from '#contracts'
import type { AccountId } from '#gateway/db/ids.ts'
import type { Signer } from '#protocol'
import { quickKey, sha256 } from './quick-crypto.ts'

/** Who owns an account: keys of its own that the gateway never has. */
export interface Owner {
  readonly id: AccountId
  readonly mode: AccountMode
  readonly keys: AccountKeys
  readonly keysJson: string
  /** Lower-case hex. */
  signAsOwner(cell: BitCell): Promise<string>
  signCheque(cell: BitCell): Promise<string>
}

export async function newOwner(name: string, mode: AccountMode): Promise<Owner> {
  const ownerKey = quickKey(`${name} owns`)
  const spendKey = quickKey(`${name} spends`)
  const keys: AccountKeys = {
    owner: null,
    ownerKey: ownerKey.publicKey,
    spendKey: spendKey.publicKey,
    salt: sha256(utf8(name)).slice(0, 16),
  }
  const sign = async (cell: BitCell, key: Signer): Promise<string> =>
    hex(await signBits(cell, (hash) => key.sign(hash), sha256))
  return {
    id: await accountIdOf(keys, mode, sha256),
    mode,
    keys,
    keysJson: JSON.stringify(accountKeysToJson(keys)),
    signAsOwner: (cell) => sign(cell, ownerKey),
    signCheque: (cell) => sign(cell, spendKey),
  }
}
