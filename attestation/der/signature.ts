import { type Bytes, equalBytes, fromHex } from '#base/bytes.ts'
import { AttestationError, demand } from '../errors.ts'
import { type Curve, ecdsaRawFromDer } from './ecdsa.ts'
import { verifyOnce } from './once.ts'
import { type DerNode, DerReader, TAG } from './reader.ts'
import { oid, unsignedBytes, wholeBits } from './values.ts'

/** A public key as its SubjectPublicKeyInfo says it. */
export type PublicKey = { readonly spki: Bytes } & (
  | { readonly kind: 'ec'; readonly curve: Curve; readonly point: Bytes }
  | { readonly kind: 'rsa'; readonly bits: number }
)

/** A signature algorithm that we accept, resolved once from its AlgorithmIdentifier. */
export type SignatureAlgorithm =
  | { readonly name: string; readonly kind: 'ecdsa'; readonly hash: 'SHA-256' | 'SHA-384' }
  | { readonly name: string; readonly kind: 'rsa-pss'; readonly hash: 'SHA-384' }
  | { readonly name: string; readonly kind: 'rsa-pkcs1'; readonly hash: 'SHA-256' | 'SHA-384' }

/** RFC 4055: SHA-384, MGF1 with SHA-384, salt 48. The trailer is 1, by default or spelled out. */
const PSS_SHA384 = [
  '3034a00f300d06096086480165030402020500a11c301a06092a864886f70d010108300d06096086480165030402020500a203020130',
  '3039a00f300d06096086480165030402020500a11c301a06092a864886f70d010108300d06096086480165030402020500a203020130a303020101',
  // The same with the hash parameters absent instead of NULL, as RFC 4055 section 2.1 allows.
  '3030a00d300b0609608648016503040202a11a301806092a864886f70d010108300b0609608648016503040202a203020130',
  '3035a00d300b0609608648016503040202a11a301806092a864886f70d010108300b0609608648016503040202a203020130a303020101',
].map((text) => fromHex(text))

const PSS_SALT_BYTES = 48

const ALGORITHMS: Readonly<Record<string, SignatureAlgorithm>> = Object.assign(
  Object.create(null),
  {
    '1.2.840.10045.4.3.2': { name: 'ecdsa-sha256', kind: 'ecdsa', hash: 'SHA-256' },
    '1.2.840.10045.4.3.3': { name: 'ecdsa-sha384', kind: 'ecdsa', hash: 'SHA-384' },
    '1.2.840.113549.1.1.10': { name: 'rsa-pss-sha384', kind: 'rsa-pss', hash: 'SHA-384' },
    '1.2.840.113549.1.1.11': { name: 'rsa-pkcs1-sha256', kind: 'rsa-pkcs1', hash: 'SHA-256' },
    '1.2.840.113549.1.1.12': { name: 'rsa-pkcs1-sha384', kind: 'rsa-pkcs1', hash: 'SHA-384' },
  } satisfies Record<string, SignatureAlgorithm>,
)

/** Resolves an AlgorithmIdentifier, parameters included; anything not listed is refused. */
export function parseSignatureAlgorithm(node: DerNode): SignatureAlgorithm {
  demand(node.tag === TAG.sequence, 'parse', 'AlgorithmIdentifier expected')
  const reader = new DerReader(node.content)
  const id = oid(reader.next())
  const algorithm = ALGORITHMS[id]
  demand(algorithm !== undefined, 'chain', `signature algorithm ${id} is not accepted`)
  const parameters = reader.done ? undefined : reader.next()
  reader.end()
  if (algorithm.kind === 'ecdsa') {
    demand(parameters === undefined, 'chain', 'ECDSA algorithm has parameters')
  } else if (algorithm.kind === 'rsa-pkcs1') {
    const isNull = parameters?.tag === TAG.null && parameters.content.length === 0
    demand(isNull, 'chain', 'RSA algorithm without NULL parameters')
  } else {
    const raw = parameters?.raw
    const strict = raw !== undefined && PSS_SHA384.some((accepted) => equalBytes(raw, accepted))
    demand(strict, 'chain', 'RSA-PSS parameters are not SHA-384, MGF1-SHA-384, salt 48')
  }
  return algorithm
}

const EC_PUBLIC_KEY = '1.2.840.10045.2.1'
const RSA_ENCRYPTION = '1.2.840.113549.1.1.1'

const CURVES: Readonly<Record<string, Curve>> = Object.assign(Object.create(null), {
  '1.2.840.10045.3.1.7': 'P-256',
  '1.3.132.0.34': 'P-384',
} satisfies Record<string, Curve>)

const POINT_BYTES = { 'P-256': 65, 'P-384': 97 } as const

/** @see RFC 5280 section 4.1.2.7, RFC 5480, RFC 3279 section 2.3.1 */
export function parsePublicKey(node: DerNode): PublicKey {
  demand(node.tag === TAG.sequence, 'parse', 'SubjectPublicKeyInfo expected')
  const reader = new DerReader(node.content)
  const algorithm = reader.enter()
  const id = oid(algorithm.next())
  const parameters = algorithm.next()
  algorithm.end()
  const key = wholeBits(reader.next())
  reader.end()
  if (id === EC_PUBLIC_KEY) {
    const curve = CURVES[oid(parameters)]
    demand(curve !== undefined, 'chain', 'key is not on P-256 or P-384')
    const uncompressed = key[0] === 4 && key.length === POINT_BYTES[curve]
    demand(uncompressed, 'chain', 'key is not an uncompressed point')
    return { spki: node.raw, kind: 'ec', curve, point: key }
  }
  demand(id === RSA_ENCRYPTION, 'chain', `key algorithm ${id} is not accepted`)
  demand(parameters.tag === TAG.null, 'parse', 'RSA key parameters')
  return { spki: node.raw, kind: 'rsa', bits: rsaBits(key) }
}

function rsaBits(key: Bytes): number {
  const reader = new DerReader(key).enter()
  const modulus = unsignedBytes(reader.next())
  unsignedBytes(reader.next())
  reader.end()
  return modulus.length * 8 - Math.clz32(modulus[0] ?? 0) + 24
}

/** Smaller moduli are within reach of an attacker; larger ones only cost time. */
const MIN_RSA_BITS = 2048
const MAX_RSA_BITS = 8192

const ImportOptions = {
  'rsa-pss': 'RSA-PSS',
  'rsa-pkcs1': 'RSASSA-PKCS1-v1_5',
} as const

// Keys of pinned roots are used in every verification: importing them again would double its cost.
// Weak, so that a key lives only as long as the certificate that it came from.
const imported = new WeakMap<PublicKey, Map<string, Promise<CryptoKey>>>()

/** The WebCrypto key for an accepted algorithm; fails closed on points off the curve. */
export function importPublicKey(key: PublicKey, algorithm: SignatureAlgorithm): Promise<CryptoKey> {
  let keys = imported.get(key)
  if (keys === undefined) {
    keys = new Map()
    imported.set(key, keys)
  }
  let promise = keys.get(algorithm.name)
  if (promise === undefined) {
    promise = importFresh(key, algorithm)
    keys.set(algorithm.name, promise)
  }
  return promise
}

async function importFresh(key: PublicKey, algorithm: SignatureAlgorithm): Promise<CryptoKey> {
  try {
    if (key.kind === 'ec') {
      demand(algorithm.kind === 'ecdsa', 'chain', 'signature algorithm does not fit the EC key')
      const parameters = { name: 'ECDSA', namedCurve: key.curve }
      return await crypto.subtle.importKey('raw', key.point, parameters, false, ['verify'])
    }
    demand(algorithm.kind !== 'ecdsa', 'chain', 'signature algorithm does not fit the RSA key')
    const sized = key.bits >= MIN_RSA_BITS && key.bits <= MAX_RSA_BITS
    demand(sized, 'chain', `RSA key of ${key.bits} bits`)
    const parameters = { name: ImportOptions[algorithm.kind], hash: algorithm.hash }
    return await crypto.subtle.importKey('spki', key.spki, parameters, false, ['verify'])
  } catch (cause) {
    if (cause instanceof AttestationError) throw cause
    throw new AttestationError('chain', 'public key cannot be used', { cause })
  }
}

/**
 * Checks a signature as X.509, CRLs and OCSP carry it (ECDSA in DER). Curve and hash are independent.
 * @returns false for a wrong signature; throws for a malformed one
 */
export async function verifySignature(
  key: PublicKey,
  algorithm: SignatureAlgorithm,
  message: Bytes,
  signature: Bytes,
): Promise<boolean> {
  return verifyOnce(algorithm.name, [key.spki, message, signature], () =>
    verifyFresh(key, algorithm, message, signature),
  )
}

async function verifyFresh(
  key: PublicKey,
  algorithm: SignatureAlgorithm,
  message: Bytes,
  signature: Bytes,
): Promise<boolean> {
  const cryptoKey = await importPublicKey(key, algorithm)
  if (algorithm.kind === 'ecdsa') {
    demand(key.kind === 'ec', 'chain', 'signature algorithm does not fit the key')
    const raw = ecdsaRawFromDer(signature, key.curve)
    const parameters = { name: 'ECDSA', hash: algorithm.hash }
    return crypto.subtle.verify(parameters, cryptoKey, raw, message)
  }
  const parameters =
    algorithm.kind === 'rsa-pss'
      ? { name: 'RSA-PSS', saltLength: PSS_SALT_BYTES }
      : { name: 'RSASSA-PKCS1-v1_5' }
  return crypto.subtle.verify(parameters, cryptoKey, signature, message)
}
