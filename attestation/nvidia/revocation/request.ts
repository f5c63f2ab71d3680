import { type Bytes, concat, fromHex } from '#base/bytes.ts'
import type { Certificate } from '../../der/certificate.ts'
import { DerReader, readDer, TAG } from '../../der/reader.ts'
import { wholeBits } from '../../der/values.ts'
import { digestOf } from '../../digest.ts'

/** Hash algorithms by which a CertID may name an issuer. */
export const CERT_ID_HASHES = {
  '1.3.14.3.2.26': 'SHA-1',
  '2.16.840.1.101.3.4.2.1': 'SHA-256',
  '2.16.840.1.101.3.4.2.2': 'SHA-384',
} as const

export type CertIdHash = (typeof CERT_ID_HASHES)[keyof typeof CERT_ID_HASHES]

/** AlgorithmIdentifier of SHA-384 with NULL parameters, as NVIDIA's own verifier sends it. */
const SHA384_IDENTIFIER = fromHex('300d06096086480165030402020500')

const NONCE_OID = fromHex('06092b0601050507300102')
export const NONCE = '1.3.6.1.5.5.7.48.1.2'

/** How a CertID names the issuer: digests of its raw name and of its key's bits. */
export async function issuerHashes(
  issuer: Certificate,
  hash: CertIdHash,
): Promise<{ readonly name: Bytes; readonly key: Bytes }> {
  const name = await digestOf(hash, issuer.subject)
  return { name, key: await digestOf(hash, publicKeyBits(issuer)) }
}

/** The BIT STRING's content of a SubjectPublicKeyInfo: what key hashes cover. */
export function publicKeyBits({ key }: Certificate): Bytes {
  const info = new DerReader(readDer(key.spki, TAG.sequence).content)
  info.next(TAG.sequence)
  return wholeBits(info.next())
}

/**
 * An OCSP request about one certificate.
 * @param nonce 1 to 32 bytes of randomness, which a fresh answer repeats
 * @see RFC 6960 section 4.1, RFC 8954
 */
export async function ocspRequest(
  certificate: Certificate,
  issuer: Certificate,
  nonce: Bytes,
): Promise<Bytes> {
  const { name, key } = await issuerHashes(issuer, 'SHA-384')
  const serial = der(TAG.integer, fromHex(certificate.serial))
  const certId = der(
    TAG.sequence,
    SHA384_IDENTIFIER,
    der(TAG.octetString, name),
    der(TAG.octetString, key),
    serial,
  )
  const list = der(TAG.sequence, der(TAG.sequence, certId))
  const value = der(TAG.octetString, der(TAG.octetString, nonce))
  const extensions = der(0xa2, der(TAG.sequence, der(TAG.sequence, NONCE_OID, value)))
  return der(TAG.sequence, der(TAG.sequence, list, extensions))
}

/** One DER value of at most 65,535 content bytes. */
function der(tag: number, ...parts: readonly Bytes[]): Bytes {
  const content = concat(...parts)
  const { length } = content
  const header = length < 0x80 ? [length] : [0x82, length >> 8, length & 0xff]
  const minimal = length >= 0x80 && length < 0x100 ? [0x81, length] : header
  return concat(Uint8Array.of(tag, ...minimal), content)
}
