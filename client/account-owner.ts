import type { Random } from '#base/brand.ts'
import { type Bytes, base64url, fromBase64url, hex } from '#base/bytes.ts'
import {
  type AccountId,
  type AccountKeys,
  type AccountKeysJson,
  type AccountMode,
  accountIdOf,
  accountKeysFromJson,
  accountKeysToJson,
  webSha256,
} from '#contracts/pure'
import { accountStatement } from '#protocol'

/**
 * An account as its owner holds it: the keys that may withdraw and spend, made on the owner's own machine.
 * The gateway sees public keys and signatures only.
 * @see protocol/SPEC.md section 10.1
 */
export interface AccountOwner {
  readonly id: AccountId
  readonly mode: AccountMode
  readonly keys: AccountKeys
  /** PKCS#8 of the Ed25519 key that may order exits and asks for API keys: the recovery key. */
  readonly ownerSecret: Bytes
  /** PKCS#8 of the Ed25519 key that signs cheques. */
  readonly spendSecret: Bytes
}

/** The file that `cocoon keys new` writes and the page offers for download. */
export interface AccountOwnerJson {
  readonly version: 1
  readonly account: string
  readonly mode: AccountMode
  readonly keys: AccountKeysJson
  readonly owner_secret: string
  readonly spend_secret: string
}

/** The body of `POST /v1/accounts`. */
export interface SignedAccountRequest {
  readonly keys: AccountKeysJson
  readonly mode: AccountMode
  readonly issued_at: number
  readonly nonce: string
  readonly signature: string
}

const SALT_BYTES = 16
const NONCE_BYTES = 16

export async function newAccountOwner(options: {
  readonly mode: AccountMode
  readonly random: Random
}): Promise<AccountOwner> {
  const owner = await generateKey()
  const spend = await generateKey()
  const keys: AccountKeys = {
    owner: null,
    ownerKey: owner.publicKey,
    spendKey: spend.publicKey,
    salt: options.random(SALT_BYTES),
  }
  const id = await accountIdOf(keys, options.mode, webSha256)
  return { id, mode: options.mode, keys, ownerSecret: owner.secret, spendSecret: spend.secret }
}

export function ownerToJson(owner: AccountOwner): AccountOwnerJson {
  return {
    version: 1,
    account: owner.id,
    mode: owner.mode,
    keys: accountKeysToJson(owner.keys),
    owner_secret: base64url(owner.ownerSecret),
    spend_secret: base64url(owner.spendSecret),
  }
}

/** @throws RangeError when the file is not ours or its id does not follow from its keys */
export async function ownerFromJson(value: unknown): Promise<AccountOwner> {
  const json = requireOwnerJson(value)
  const keys = accountKeysFromJson(json.keys)
  const id = await accountIdOf(keys, json.mode, webSha256)
  if (id !== json.account) throw new RangeError('the account id does not follow from the keys')
  return {
    id,
    mode: json.mode,
    keys,
    ownerSecret: fromBase64url(json.owner_secret),
    spendSecret: fromBase64url(json.spend_secret),
  }
}

/** Asks for an API key: the signature shows that the asker may withdraw from the account (C2). */
export async function signAccountRequest(
  owner: AccountOwner,
  options: { readonly gateway: string; readonly random: Random; readonly nowSeconds: number },
): Promise<SignedAccountRequest> {
  const nonce = hex(options.random(NONCE_BYTES))
  const statement = accountStatement({
    gateway: options.gateway,
    account: owner.id,
    issued_at: options.nowSeconds,
    nonce,
  })
  return {
    keys: accountKeysToJson(owner.keys),
    mode: owner.mode,
    issued_at: options.nowSeconds,
    nonce,
    signature: hex(await signWith(owner.ownerSecret, statement)),
  }
}

/** Imports a PKCS#8 secret as a key that signs and never leaves again. */
export function signingKey(secret: Bytes): Promise<CryptoKey> {
  return crypto.subtle.importKey('pkcs8', secret, 'Ed25519', false, ['sign'])
}

/** Ed25519 by a PKCS#8 secret or a key that is not shown: 64 bytes. */
export async function signWith(secret: Bytes | CryptoKey, message: Bytes): Promise<Bytes> {
  const key = secret instanceof CryptoKey ? secret : await signingKey(secret)
  return new Uint8Array(await crypto.subtle.sign('Ed25519', key, message))
}

async function generateKey(): Promise<{ publicKey: Bytes; secret: Bytes }> {
  const made = await crypto.subtle.generateKey('Ed25519', true, ['sign', 'verify'])
  // Sound: an algorithm of signatures makes a pair; not every platform's types say so.
  const { publicKey, privateKey } = made as CryptoKeyPair
  const exported = async (format: 'raw' | 'pkcs8', key: CryptoKey) =>
    // Sound: only the format jwk is no ArrayBuffer.
    new Uint8Array((await crypto.subtle.exportKey(format, key)) as ArrayBuffer)
  return {
    publicKey: await exported('raw', publicKey),
    secret: await exported('pkcs8', privateKey),
  }
}

function requireOwnerJson(value: unknown): AccountOwnerJson {
  // Sound: every member is checked below before it is used.
  const json = value as Partial<AccountOwnerJson> | null
  const texts = [json?.account, json?.owner_secret, json?.spend_secret]
  const isOurs =
    json?.version === 1 &&
    (json.mode === 'managed' || json.mode === 'sovereign') &&
    typeof json.keys === 'object' &&
    json.keys !== null &&
    texts.every((text) => typeof text === 'string')
  if (!isOurs) throw new RangeError('not a Cocoon account file of version 1')
  return json as AccountOwnerJson
}
