import type { KeyObject } from 'node:crypto'
import * as hpke from 'hpke'
import { type Bytes, concat, utf8 } from '#base/bytes.ts'
import { nodeHkdfSha256 } from './hpke-parts.ts'
import {
  dhX25519,
  exportX25519,
  generateX25519,
  importX25519,
  scalarOfX25519,
  type X25519Pair,
  x25519FromScalar,
} from './x25519.ts'

const NAME = 'DHKEM(X25519, HKDF-SHA256)'
const SUITE_ID = concat(utf8('KEM'), Uint8Array.of(0x00, 0x20))
const LENGTH = 32
const NO_BYTES: Bytes = new Uint8Array(0)

/** A key of this KEM: the library sees its description, only this file its handle. */
interface X25519Key extends hpke.Key {
  readonly handle: KeyObject
  /** The serialised public key. */
  readonly publicBytes: Bytes
  /** The scalar, kept only when the key is extractable. */
  readonly scalar?: Bytes
}

/**
 * DHKEM(X25519, HKDF-SHA256) under the `hpke` library's KEM interface, by node:crypto.
 * @see RFC 9180 section 4.1
 */
export const nodeDhkemX25519: hpke.KEMFactory<X25519Key> = () => ({
  id: 0x0020,
  type: 'KEM',
  name: NAME,
  Nsecret: LENGTH,
  Nenc: LENGTH,
  Npk: LENGTH,
  Nsk: LENGTH,
  DeriveKeyPair: async (ikm, extractable) => {
    const kdf = nodeHkdfSha256()
    const prk = await hpke.LabeledExtract(kdf, SUITE_ID, NO_BYTES, utf8('dkp_prk'), ikm)
    const scalar = await hpke.LabeledExpand(kdf, SUITE_ID, prk, utf8('sk'), NO_BYTES, LENGTH)
    return pairOf(x25519FromScalar(scalar), extractable)
  },
  GenerateKeyPair: async (extractable) => pairOf(generateX25519(), extractable),
  SerializePublicKey: async (key) => key.publicBytes,
  DeserializePublicKey: async (raw) => publicKeyOf(importX25519(raw)),
  SerializePrivateKey: async (key) => {
    if (key.scalar === undefined) throw new TypeError('key is not extractable')
    return key.scalar
  },
  DeserializePrivateKey: async (raw, extractable) =>
    pairOf(x25519FromScalar(raw), extractable).privateKey,
  Encap: async (recipient) => {
    const ephemeral = generateX25519()
    const enc = exportX25519(ephemeral.publicKey)
    const dh = dhX25519(ephemeral.privateKey, recipient.handle)
    return { enc, shared_secret: await sharedSecret(dh, enc, recipient.publicBytes) }
  },
  Decap: async (enc, own) => {
    const dh = dhX25519(own.handle, importX25519(enc))
    return await sharedSecret(dh, enc, own.publicBytes)
  },
})

async function sharedSecret(dh: Bytes, enc: Uint8Array, recipient: Bytes): Promise<Uint8Array> {
  const kdf = nodeHkdfSha256()
  const prk = await hpke.LabeledExtract(kdf, SUITE_ID, NO_BYTES, utf8('eae_prk'), dh)
  const context = concat(enc, recipient)
  return await hpke.LabeledExpand(kdf, SUITE_ID, prk, utf8('shared_secret'), context, LENGTH)
}

function pairOf(pair: X25519Pair, extractable: boolean): hpke.KeyPair<X25519Key> {
  const publicKey = publicKeyOf(pair.publicKey)
  const privateKey: X25519Key = {
    algorithm: { name: NAME },
    type: 'private',
    extractable,
    handle: pair.privateKey,
    publicBytes: publicKey.publicBytes,
    ...(extractable ? { scalar: scalarOfX25519(pair.privateKey) } : {}),
  }
  return { publicKey, privateKey }
}

function publicKeyOf(handle: KeyObject): X25519Key {
  const publicBytes = exportX25519(handle)
  return { algorithm: { name: NAME }, type: 'public', extractable: true, handle, publicBytes }
}
