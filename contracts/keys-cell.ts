import { type Bytes, fromHex, hex } from '#base/bytes.ts'
import { type AccountId, type AccountMode, accountIdFromNumber } from './account-id.ts'
import { type BitCell, BitWriter, bitCellHash, type Sha256 } from './bit-cell.ts'
import { ContractError } from './errors.ts'
import { isSmallOrder } from './small-order.ts'

/** What an account id commits to. The owner's own software makes it and keeps it; the gateway cannot replace it. */
export interface AccountKeys {
  /** The wallet that may order exits: "0:" and 64 lower-case hex digits. */
  readonly owner: string | null
  /** The Ed25519 key that may order exits by signature. */
  readonly ownerKey: Bytes | null
  /** The Ed25519 key that signs a sovereign account's cheques. */
  readonly spendKey: Bytes | null
  /** 16 random bytes of the owner's: without them an id could be computed from public things. */
  readonly salt: Bytes
}

/** The same as JSON carries it: lower-case hex, absent for null. */
export interface AccountKeysJson {
  readonly owner?: string
  readonly owner_key?: string
  readonly spend_key?: string
  readonly salt: string
}

const KEY_BYTES = 32
const SALT_BYTES = 16
const HASH_BITS_DROPPED = 105n
const MODE_BITS: Readonly<Record<AccountMode, bigint>> = { managed: 0n, sovereign: 1n }

/**
 * The Keys cell, ready to be hashed or sent.
 * @throws ContractError `bad_keys`, `small_order_key`, `bad_address`
 */
export function keysBits(keys: AccountKeys): BitCell {
  assertAccountKeys(keys)
  return new BitWriter()
    .maybeAddress(keys.owner)
    .maybeBytes(keys.ownerKey)
    .maybeBytes(keys.spendKey)
    .bytes(keys.salt)
    .end()
}

/** The account that these keys own, in the given mode: the first bits of the hash of the Keys cell. */
export async function accountIdOf(
  keys: AccountKeys,
  mode: AccountMode,
  sha256: Sha256,
): Promise<AccountId> {
  const hash = await bitCellHash(keysBits(keys), sha256)
  const prefix = BigInt(`0x${hex(hash)}`) >> HASH_BITS_DROPPED
  return accountIdFromNumber((MODE_BITS[mode] << 151n) | prefix)
}

/** @throws ContractError `bad_keys`, `small_order_key` */
function assertAccountKeys(keys: AccountKeys): void {
  if (keys.salt.length !== SALT_BYTES) throw new ContractError('bad_keys', 'salt has 16 bytes')
  for (const key of [keys.ownerKey, keys.spendKey]) {
    if (key === null) continue
    if (key.length !== KEY_BYTES) throw new ContractError('bad_keys', 'a key has 32 bytes')
    if (isSmallOrder(key))
      throw new ContractError('small_order_key', 'anyone can sign for this key')
  }
  if (keys.owner === null && keys.ownerKey === null) {
    throw new ContractError('bad_keys', 'an account without an owner could never be withdrawn')
  }
}

/** @throws ContractError `bad_keys`, `small_order_key` */
export function accountKeysFromJson(json: AccountKeysJson): AccountKeys {
  // It was read from somebody's JSON.
  const bytes = (text: unknown): Bytes | null => {
    if (text === undefined) return null
    if (typeof text !== 'string') throw new ContractError('bad_keys', 'keys are lower-case hex')
    try {
      return fromHex(text)
    } catch (error) {
      throw new ContractError('bad_keys', 'keys are lower-case hex', { cause: error })
    }
  }
  const keys = {
    owner: json.owner ?? null,
    ownerKey: bytes(json.owner_key),
    spendKey: bytes(json.spend_key),
    salt: bytes(json.salt) ?? new Uint8Array(0),
  }
  assertAccountKeys(keys)
  return keys
}

export function accountKeysToJson(keys: AccountKeys): AccountKeysJson {
  return {
    ...(keys.owner === null ? {} : { owner: keys.owner }),
    ...(keys.ownerKey === null ? {} : { owner_key: hex(keys.ownerKey) }),
    ...(keys.spendKey === null ? {} : { spend_key: hex(keys.spendKey) }),
    salt: hex(keys.salt),
  }
}
