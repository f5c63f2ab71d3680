import {
  createHash,
  createPrivateKey,
  createPublicKey,
  decapsulate,
  encapsulate,
  type KeyObject,
  randomBytes,
} from 'node:crypto'
import * as hpke from 'hpke'
import { type Bytes, concat, copyBytes, utf8 } from '#base/bytes.ts'
import { dhX25519, exportX25519, generateX25519, importX25519, x25519FromScalar } from './x25519.ts'

const NAME = 'MLKEM768-X25519'
const SUITE_ID = concat(utf8('KEM'), Uint8Array.of(0x64, 0x7a))
const SEED_BYTES = 32
const PQ_SEED_BYTES = 64
const PQ_PUBLIC_BYTES = 1184
const PQ_CIPHERTEXT_BYTES = 1088
const X25519_BYTES = 32
// "\.//^\": the combiner's label.
const COMBINER_LABEL = Uint8Array.of(0x5c, 0x2e, 0x2f, 0x2f, 0x5e, 0x5c)
const ML_KEM_PKCS8 = Uint8Array.from(
  Buffer.from('3054020100300b06096086480165030404020442' + '8040', 'hex'),
)
const ML_KEM_SPKI = Uint8Array.from(
  Buffer.from('308204b2300b0609608648016503040402038204a100', 'hex'),
)

/** A key of this KEM: the library sees its description, only this file its handles. */
interface HybridKey extends hpke.Key {
  readonly pq: KeyObject
  readonly x25519: KeyObject
  /** The serialised public key: ML-KEM, then X25519. */
  readonly publicBytes: Bytes
  /** Kept only when the key is extractable. */
  readonly seed?: Bytes
}

/**
 * ML-KEM-768 + X25519 under the `hpke` library's KEM interface, by node:crypto: the library's own uses
 * WebCrypto calls that Node announces as experimental on stderr.
 * @see https://datatracker.ietf.org/doc/html/draft-ietf-hpke-pq-05 (MLKEM768-X25519)
 */
export const nodeMlKem768X25519: hpke.KEMFactory<HybridKey> = () => ({
  id: 0x647a,
  type: 'KEM',
  name: NAME,
  Nsecret: 32,
  Nenc: PQ_CIPHERTEXT_BYTES + X25519_BYTES,
  Npk: PQ_PUBLIC_BYTES + X25519_BYTES,
  Nsk: SEED_BYTES,
  DeriveKeyPair: async (ikm, extractable) => {
    const label = utf8('DeriveKeyPair')
    const kdf = { Derive: async (input: Uint8Array, length: number) => shake256(input, length) }
    const none = new Uint8Array(0)
    const seed = await hpke.LabeledDerive(kdf, SUITE_ID, ikm, label, none, SEED_BYTES)
    return pairOf(seed, extractable)
  },
  // The library's interface takes no randomness: a KEM brings its own.
  GenerateKeyPair: async (extractable) => pairOf(randomBytes(SEED_BYTES), extractable),
  SerializePublicKey: async (key) => key.publicBytes,
  DeserializePublicKey: async (raw) => importPublic(raw),
  SerializePrivateKey: async (key) => {
    if (key.seed === undefined) throw new TypeError('key is not extractable')
    return key.seed
  },
  DeserializePrivateKey: async (raw, extractable) => pairOf(raw, extractable).privateKey,
  Encap: async (recipient) => {
    const { sharedKey, ciphertext } = encapsulate(recipient.pq)
    const ephemeral = generateX25519()
    const share = exportX25519(ephemeral.publicKey)
    const dh = dhX25519(ephemeral.privateKey, recipient.x25519)
    const shared_secret = combine(sharedKey, dh, share, recipient.publicBytes)
    return { enc: concat(ciphertext, share), shared_secret }
  },
  Decap: async (enc, own) => {
    const share = enc.subarray(PQ_CIPHERTEXT_BYTES)
    const pq = decapsulate(own.pq, enc.subarray(0, PQ_CIPHERTEXT_BYTES))
    return combine(pq, dhX25519(own.x25519, importX25519(share)), share, own.publicBytes)
  },
})

/** The draft's C2PRI combiner: the X25519 part of the recipient's key is its last 32 bytes. */
function combine(pq: Uint8Array, dh: Bytes, share: Uint8Array, recipient: Bytes): Uint8Array {
  return createHash('sha3-256')
    .update(pq)
    .update(dh)
    .update(share)
    .update(recipient.subarray(PQ_PUBLIC_BYTES))
    .update(COMBINER_LABEL)
    .digest()
}

function shake256(input: Uint8Array, length: number): Bytes {
  return copyBytes(createHash('shake256', { outputLength: length }).update(input).digest())
}

function pairOf(seed: Uint8Array, extractable: boolean): hpke.KeyPair<HybridKey> {
  const expanded = shake256(seed, PQ_SEED_BYTES + X25519_BYTES)
  const der = Buffer.from(concat(ML_KEM_PKCS8, expanded.subarray(0, PQ_SEED_BYTES)))
  const pq = createPrivateKey({ key: der, format: 'der', type: 'pkcs8' })
  const x25519 = x25519FromScalar(expanded.subarray(PQ_SEED_BYTES))
  const publicKey = publicKeyOf(createPublicKey(pq), x25519.publicKey)
  const privateKey: HybridKey = {
    algorithm: { name: NAME },
    type: 'private',
    extractable,
    pq,
    x25519: x25519.privateKey,
    publicBytes: publicKey.publicBytes,
    ...(extractable ? { seed: new Uint8Array(seed) } : {}),
  }
  return { publicKey, privateKey }
}

function importPublic(raw: Uint8Array): HybridKey {
  const der = Buffer.from(concat(ML_KEM_SPKI, raw.subarray(0, PQ_PUBLIC_BYTES)))
  const pq = createPublicKey({ key: der, format: 'der', type: 'spki' })
  return publicKeyOf(pq, importX25519(raw.subarray(PQ_PUBLIC_BYTES)))
}

function publicKeyOf(pq: KeyObject, x25519: KeyObject): HybridKey {
  const spki = pq.export({ format: 'der', type: 'spki' })
  const publicBytes = concat(spki.subarray(ML_KEM_SPKI.length), exportX25519(x25519))
  return { algorithm: { name: NAME }, type: 'public', extractable: true, pq, x25519, publicBytes }
}
