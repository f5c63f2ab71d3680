import { type Bytes, concat, fromBase64, fromBase64url, fromUtf8 } from '#base/bytes.ts'
import { type Certificate, parseCertificate } from '../der/certificate.ts'
import { AttestationError, demand } from '../errors.ts'
import { arrayField, type JsonObject, objectField, optionalField, textField } from '../fields.ts'
import { parseStrictJson } from '../strict-json.ts'
import { tokenParsing } from './token.ts'

/** A token signing key of the service's key set. */
export interface NrasKey {
  readonly kid: string
  /** Uncompressed point: 04 || x || y. */
  readonly point: Bytes
  /** Certificates that came with it, the key's own first; empty when it has none. */
  readonly chain: readonly Certificate[]
}

const MAX_KEY_SET_BYTES = 262_144
const MAX_KEYS = 128
const MAX_KID_CHARS = 256
const MAX_COORDINATE_CHARS = 64
const MAX_CHAIN = 4
const MAX_CERTIFICATE_CHARS = 16_384
const COORDINATE_BYTES = 48

/**
 * The key of this id in a key set; undefined when it has none. Only EC keys on P-384 for signatures count.
 * @throws AttestationError token-parse or token-key
 * @see RFC 7517
 */
export function findKey(keySet: Bytes, kid: string): NrasKey | undefined {
  demand(keySet.length <= MAX_KEY_SET_BYTES, 'too-large', `key set of ${keySet.length} bytes`)
  return tokenParsing(() => {
    const set = objectField(parseStrictJson(fromUtf8(keySet), 'key set'), 'key set')
    const keys = arrayField(set['keys'], 'keys', MAX_KEYS).map((key) => objectField(key, 'key'))
    const named = keys.filter((key) => key['kid'] === kid)
    const [key] = named
    if (key === undefined) return undefined
    demand(named.length === 1, 'token-key', 'key set has two keys of one id')
    return readKey(key)
  })
}

function readKey(key: JsonObject): NrasKey {
  demand(key['kty'] === 'EC' && key['crv'] === 'P-384', 'token-key', 'key is not on P-384')
  const use = key['use'] ?? 'sig'
  const algorithm = key['alg'] ?? 'ES384'
  demand(use === 'sig' && algorithm === 'ES384', 'token-key', 'key is not for ES384 signatures')
  const coordinates = (['x', 'y'] as const).map((name) => {
    const value = fromBase64url(textField(key[name], `key ${name}`, MAX_COORDINATE_CHARS))
    demand(value.length === COORDINATE_BYTES, 'token-key', `key ${name} has another length`)
    return value
  })
  const chain = optionalField(key['x5c'], (value) =>
    arrayField(value, 'key certificates', MAX_CHAIN).map(readCertificate),
  )
  const kid = textField(key['kid'], 'key id', MAX_KID_CHARS)
  return { kid, point: concat(Uint8Array.of(4), ...coordinates), chain: chain ?? [] }
}

function readCertificate(value: unknown): Certificate {
  try {
    return parseCertificate(fromBase64(textField(value, 'certificate', MAX_CERTIFICATE_CHARS)))
  } catch (cause) {
    throw new AttestationError('token-key', 'a certificate of the key is malformed', { cause })
  }
}
