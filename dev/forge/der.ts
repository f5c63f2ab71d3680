import { type Bytes, concat, fromHex, utf8 } from '#base/bytes.ts'

/**
 * A small DER, X.509 and CRL writer for forged vendor chains. Structurally real output: the production
 * reader takes it unchanged. Every field can be overridden, so that a test breaks exactly one.
 */

/** One value: tag, minimal length, content. */
export function der(tag: number, ...parts: readonly Uint8Array[]): Bytes {
  const content = concat(...parts)
  return concat(Uint8Array.of(tag), lengthOctets(content.length), content)
}

function lengthOctets(length: number): Bytes {
  if (length < 0x80) return Uint8Array.of(length)
  const octets: number[] = []
  for (let rest = length; rest > 0; rest = Math.floor(rest / 256)) octets.unshift(rest % 256)
  return Uint8Array.of(0x80 | octets.length, ...octets)
}

export const seq = (...parts: readonly Uint8Array[]): Bytes => der(0x30, ...parts)
export const set = (...parts: readonly Uint8Array[]): Bytes => der(0x31, ...parts)
export const octets = (bytes: Uint8Array): Bytes => der(0x04, bytes)
export const bits = (bytes: Uint8Array, unused = 0): Bytes =>
  der(0x03, Uint8Array.of(unused), bytes)
export const bool = (value: boolean): Bytes => der(0x01, Uint8Array.of(value ? 0xff : 0))
export const utf8String = (text: string): Bytes => der(0x0c, utf8(text))
export const printable = (text: string): Bytes => der(0x13, utf8(text))
export const ia5 = (text: string): Bytes => der(0x16, utf8(text))
export const nul = (): Bytes => der(0x05)
/** `[n]` constructed. */
export const explicit = (n: number, ...parts: readonly Uint8Array[]): Bytes =>
  der(0xa0 | n, ...parts)
/** `[n]` primitive. */
export const implicit = (n: number, bytes: Uint8Array): Bytes => der(0x80 | n, bytes)

/** A minimal INTEGER. */
export function int(value: number | bigint): Bytes {
  let text = BigInt(value).toString(16)
  if (BigInt(value) < 0n) throw new RangeError('forged integers are not negative')
  if (text.length % 2 === 1) text = `0${text}`
  const bytes = fromHex(text)
  return der(0x02, (bytes[0] ?? 0) >= 0x80 ? concat(Uint8Array.of(0), bytes) : bytes)
}

export const enumeration = (value: number): Bytes => der(0x0a, Uint8Array.of(value))

/** "1.2.840.10045.2.1" */
export function oid(dotted: string): Bytes {
  const [first = 0, second = 0, ...rest] = dotted.split('.').map(Number)
  const octetsOf = (arc: number): number[] => {
    const groups = [arc % 128]
    for (let left = Math.floor(arc / 128); left > 0; left = Math.floor(left / 128)) {
      groups.unshift(0x80 | (left % 128))
    }
    return groups
  }
  return der(0x06, Uint8Array.from([first * 40 + second, ...rest].flatMap(octetsOf)))
}

/** UTCTime up to 2049, GeneralizedTime from then on (RFC 5280 section 4.1.2.5). */
export function time(seconds: number): Bytes {
  const digits = new Date(seconds * 1000).toISOString().replace(/\.\d+/, '').replace(/[-:T]/g, '')
  return Number(digits.slice(0, 4)) < 2050
    ? der(0x17, utf8(digits.slice(2)))
    : der(0x18, utf8(digits))
}

const NAME_OIDS: Readonly<Record<string, string>> = {
  CN: '2.5.4.3',
  SERIALNUMBER: '2.5.4.5',
  C: '2.5.4.6',
  L: '2.5.4.7',
  ST: '2.5.4.8',
  O: '2.5.4.10',
  OU: '2.5.4.11',
}

export type NameFields = readonly (readonly [type: string, value: string])[]

export function name(fields: NameFields): Bytes {
  return seq(
    ...fields.map(([type, value]) =>
      set(seq(oid(NAME_OIDS[type] ?? type), type === 'C' ? printable(value) : utf8String(value))),
    ),
  )
}

const PSS_SHA384 = fromHex(
  '304106092a864886f70d01010a3034a00f300d06096086480165030402020500a11c301a06092a864886f70d010108300d06096086480165030402020500a203020130',
)

const SIGNATURES = {
  'rsa-pss-sha384': {
    identifier: PSS_SHA384,
    sign: { name: 'RSA-PSS', saltLength: 48 },
    keys: { name: 'RSA-PSS', hash: 'SHA-384' },
  },
  'rsa-pkcs1-sha256': {
    identifier: seq(oid('1.2.840.113549.1.1.11'), nul()),
    sign: { name: 'RSASSA-PKCS1-v1_5' },
    keys: { name: 'RSASSA-PKCS1-v1_5', hash: 'SHA-256' },
  },
  'ecdsa-p256-sha256': {
    identifier: seq(oid('1.2.840.10045.4.3.2')),
    sign: { name: 'ECDSA', hash: 'SHA-256' },
    keys: { name: 'ECDSA', namedCurve: 'P-256' },
  },
  'ecdsa-p384-sha384': {
    identifier: seq(oid('1.2.840.10045.4.3.3')),
    sign: { name: 'ECDSA', hash: 'SHA-384' },
    keys: { name: 'ECDSA', namedCurve: 'P-384' },
  },
  'ecdsa-p384-sha256': {
    identifier: seq(oid('1.2.840.10045.4.3.2')),
    sign: { name: 'ECDSA', hash: 'SHA-256' },
    keys: { name: 'ECDSA', namedCurve: 'P-384' },
  },
} as const

export type SignerKind = keyof typeof SIGNATURES

/** A key pair with the one algorithm that it signs with. */
export interface Signer {
  readonly kind: SignerKind
  /** SubjectPublicKeyInfo, DER. */
  readonly spki: Bytes
  /** EC only: the uncompressed point (04 || x || y); empty for RSA. */
  readonly point: Bytes
  /** The AlgorithmIdentifier of its signatures, DER. */
  readonly identifier: Bytes
  /** X.509's form: DER for ECDSA. */
  sign(message: Uint8Array): Promise<Bytes>
  /** Raw r||s (ECDSA only): quotes, SPDM, JWS, XML. */
  signRaw(message: Uint8Array): Promise<Bytes>
  readonly privateKey: CryptoKey
  readonly publicKey: CryptoKey
}

/** A signer as plain data, to hand to another process. */
export interface SignerData {
  readonly kind: SignerKind
  /** PKCS #8 private key, DER. */
  readonly pkcs8: Bytes
  readonly spki: Bytes
}

/** Makes a signer. RSA keys are 2,048 bits: quick to make, and as strong as forged roots need. */
export async function makeSigner(kind: SignerKind): Promise<Signer> {
  const { keys } = SIGNATURES[kind]
  const rsa = { modulusLength: 2048, publicExponent: Uint8Array.of(1, 0, 1) }
  const parameters = keys.name === 'ECDSA' ? keys : { ...keys, ...rsa }
  // Sound: both parameter shapes make a key pair, never a single key.
  const pair = (await crypto.subtle.generateKey(parameters, true, [
    'sign',
    'verify',
  ])) as CryptoKeyPair
  return buildSigner(kind, pair.privateKey, pair.publicKey)
}

export async function exportSigner({ kind, privateKey, spki }: Signer): Promise<SignerData> {
  const pkcs8 = await exportBytes('pkcs8', privateKey)
  return { kind, pkcs8, spki }
}

export async function importSigner({ kind, pkcs8, spki }: SignerData): Promise<Signer> {
  const { keys } = SIGNATURES[kind]
  const privateKey = await crypto.subtle.importKey('pkcs8', pkcs8, keys, true, ['sign'])
  const publicKey = await crypto.subtle.importKey('spki', spki, keys, true, ['verify'])
  return buildSigner(kind, privateKey, publicKey)
}

async function exportBytes(format: 'pkcs8' | 'raw' | 'spki', key: CryptoKey): Promise<Bytes> {
  // Sound: only the format "jwk" gives an object, which not every platform's types say.
  return new Uint8Array((await crypto.subtle.exportKey(format, key)) as ArrayBuffer)
}

async function buildSigner(
  kind: SignerKind,
  privateKey: CryptoKey,
  publicKey: CryptoKey,
): Promise<Signer> {
  const { keys, sign: parameters, identifier } = SIGNATURES[kind]
  const ecdsa = keys.name === 'ECDSA'
  const point = ecdsa ? await exportBytes('raw', publicKey) : new Uint8Array()
  const signRaw = async (message: Uint8Array): Promise<Bytes> =>
    new Uint8Array(await crypto.subtle.sign(parameters, privateKey, new Uint8Array(message)))
  return {
    kind,
    spki: await exportBytes('spki', publicKey),
    point,
    identifier,
    sign: async (message) => (ecdsa ? ecdsaDer(await signRaw(message)) : signRaw(message)),
    signRaw,
    privateKey,
    publicKey,
  }
}

/** Raw r||s as SEQUENCE {r, s}. */
export function ecdsaDer(raw: Uint8Array): Bytes {
  const half = raw.length / 2
  const number = (bytes: Uint8Array): bigint =>
    bytes.reduce((value, byte) => value * 256n + BigInt(byte), 0n)
  return seq(int(number(raw.subarray(0, half))), int(number(raw.subarray(half))))
}

export interface ExtensionFields {
  readonly id: string
  readonly critical?: boolean
  /** The octets inside the OCTET STRING. */
  readonly value: Uint8Array
}

export function extension({ id, critical = false, value }: ExtensionFields): Bytes {
  return critical ? seq(oid(id), bool(true), octets(value)) : seq(oid(id), octets(value))
}

export function basicConstraints(ca: boolean, pathLength?: number): ExtensionFields {
  const fields = [
    ca ? bool(true) : new Uint8Array(),
    ...(pathLength === undefined ? [] : [int(pathLength)]),
  ]
  return { id: '2.5.29.19', critical: true, value: seq(...fields) }
}

/** Bits as bytes of the BIT STRING: 0x06 = keyCertSign and cRLSign, 0x80 = digitalSignature. */
export function keyUsage(firstOctet: number): ExtensionFields {
  const unused = firstOctet === 0 ? 0 : 31 - Math.clz32(firstOctet & -firstOctet)
  return { id: '2.5.29.15', critical: true, value: bits(Uint8Array.of(firstOctet), unused) }
}

export interface CertificateFields {
  readonly serial: number | bigint
  readonly issuer: NameFields
  readonly subject: NameFields
  readonly notBefore: number
  readonly notAfter: number
  /** SubjectPublicKeyInfo of the subject. */
  readonly spki: Uint8Array
  readonly extensions: readonly ExtensionFields[]
  /** AlgorithmIdentifier inside the signed part; default: the signer's. */
  readonly innerAlgorithm?: Uint8Array
  /** AlgorithmIdentifier outside; default: the inner one. */
  readonly outerAlgorithm?: Uint8Array
}

/** An X.509 v3 certificate, DER. */
export async function writeCertificate(fields: CertificateFields, signer: Signer): Promise<Bytes> {
  const inner = fields.innerAlgorithm ?? signer.identifier
  const tbs = seq(
    explicit(0, int(2)),
    int(fields.serial),
    inner,
    name(fields.issuer),
    seq(time(fields.notBefore), time(fields.notAfter)),
    name(fields.subject),
    fields.spki,
    ...(fields.extensions.length === 0
      ? []
      : [explicit(3, seq(...fields.extensions.map(extension)))]),
  )
  return seq(tbs, fields.outerAlgorithm ?? inner, bits(await signer.sign(tbs)))
}

export interface CrlFields {
  readonly issuer: NameFields
  readonly thisUpdate: number
  readonly nextUpdate: number
  readonly number: number | bigint
  /** Revoked serial numbers. */
  readonly revoked: readonly (number | bigint)[]
  readonly extensions?: readonly ExtensionFields[]
}

/** An X.509 v2 CRL, DER. */
export async function writeCrl(fields: CrlFields, signer: Signer): Promise<Bytes> {
  const entries = fields.revoked.map((serial) => seq(int(serial), time(fields.thisUpdate)))
  const number: ExtensionFields = { id: '2.5.29.20', value: int(fields.number) }
  const tbs = seq(
    int(1),
    signer.identifier,
    name(fields.issuer),
    time(fields.thisUpdate),
    time(fields.nextUpdate),
    ...(entries.length === 0 ? [] : [seq(...entries)]),
    explicit(0, seq(...[number, ...(fields.extensions ?? [])].map(extension))),
  )
  return seq(tbs, signer.identifier, bits(await signer.sign(tbs)))
}

/** PEM text of one block. */
export function pem(bytes: Uint8Array, label = 'CERTIFICATE'): string {
  const lines = btoa(String.fromCharCode(...bytes)).match(/.{1,64}/g) ?? []
  return `-----BEGIN ${label}-----\n${lines.join('\n')}\n-----END ${label}-----\n`
}
