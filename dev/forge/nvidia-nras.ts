import { type Bytes, base64, base64url, hex, utf8 } from '#base/bytes.ts'
import type { Signer } from './der.ts'

/** Claims of one token; any of them can be overridden or, by undefined, left out. */
export type ClaimValues = Readonly<Record<string, unknown>>

export interface TokenFields {
  readonly signer: Signer
  readonly header: ClaimValues
  readonly payload: ClaimValues
  /** Replaces the payload's JSON text, for members that appear twice. */
  readonly text?: (json: string) => string
  /** Edits the finished compact token. */
  readonly tamper?: (compact: string) => string
}

/** A compact JSON web token. */
export async function writeToken(fields: TokenFields): Promise<string> {
  const json = JSON.stringify(fields.payload)
  const parts = [JSON.stringify(fields.header), fields.text?.(json) ?? json]
  const signed = parts.map((part) => base64url(utf8(part))).join('.')
  const signature = await fields.signer.signRaw(utf8(signed))
  const compact = `${signed}.${base64url(signature)}`
  return fields.tamper?.(compact) ?? compact
}

export interface NrasDevice {
  readonly ueid: string
  readonly hwmodel: string
  readonly driver: string
  readonly vbios: string
}

export interface NrasFields {
  readonly signer: Signer
  readonly kid: string
  readonly issuer: string
  /** Hex. */
  readonly nonce: string
  /** Unix seconds of issue. */
  readonly now: number
  readonly version: '2.0' | '3.0'
  readonly devices: readonly NrasDevice[]
  readonly header?: ClaimValues
  /** Claims of the overall token. */
  readonly overall?: ClaimValues
  /** Claims of device n. */
  readonly device?: (index: number) => ClaimValues
  /** Anything else about the token of device n, or of the overall one (undefined). */
  readonly token?: (index: number | undefined) => Partial<TokenFields>
  /** Edits the answer before it is written. */
  readonly answer?: (answer: NrasAnswer) => unknown
}

export type NrasAnswer = readonly [readonly ['JWT', string], Readonly<Record<string, string>>]

const LIFETIME_SECONDS = 3_600

/** The attestation service's answer about some GPUs: a detached entity attestation token. */
export async function writeNrasAnswer(fields: NrasFields): Promise<Bytes> {
  const header = { kid: fields.kid, alg: 'ES384', ...fields.header }
  const common = {
    iss: fields.issuer,
    eat_nonce: fields.nonce,
    nbf: fields.now,
    iat: fields.now,
    exp: fields.now + LIFETIME_SECONDS,
  }
  const { signer, version } = fields
  const tokens: Record<string, string> = {}
  const submods: Record<string, unknown> = {}
  for (const [i, device] of fields.devices.entries()) {
    const payload = { ...common, ...deviceClaims(device, version), ...fields.device?.(i) }
    const compact = await writeToken({ signer, header, payload, ...fields.token?.(i) })
    tokens[`GPU-${i}`] = compact
    const digest = await crypto.subtle.digest('SHA-256', utf8(compact))
    submods[`GPU-${i}`] = ['DIGEST', ['SHA-256', hex(new Uint8Array(digest))]]
  }
  const payload = {
    ...common,
    sub: 'NVIDIA-PLATFORM-ATTESTATION',
    'x-nvidia-ver': version,
    'x-nvidia-overall-att-result': true,
    submods,
    ...fields.overall,
  }
  const overall = await writeToken({ signer, header, payload, ...fields.token?.(undefined) })
  const answer: NrasAnswer = [['JWT', overall], tokens]
  return utf8(JSON.stringify(fields.answer?.(answer) ?? answer))
}

const GOOD_CHAIN = {
  'x-nvidia-cert-status': 'valid',
  'x-nvidia-cert-ocsp-status': 'good',
  'x-nvidia-cert-expiration-date': '9999-12-31T23:59:59Z',
  'x-nvidia-cert-revocation-reason': null,
}

/** Every claim that the service makes about a good GPU. */
function deviceClaims(device: NrasDevice, version: '2.0' | '3.0'): ClaimValues {
  const rim = (kind: 'driver' | 'vbios'): ClaimValues => {
    const prefix = `x-nvidia-gpu-${kind}-rim`
    const checks = ['fetched', 'schema-validated', 'signature-verified', 'measurements-available']
    const good = Object.fromEntries(checks.map((check) => [`${prefix}-${check}`, true]))
    return version === '2.0'
      ? { ...good, [`${prefix}-cert-validated`]: true }
      : { ...good, [`${prefix}-version-match`]: true, [`${prefix}-cert-chain`]: GOOD_CHAIN }
  }
  const report = 'x-nvidia-gpu-attestation-report'
  return {
    ueid: device.ueid,
    hwmodel: device.hwmodel,
    oemid: '5703',
    measres: 'success',
    secboot: true,
    dbgstat: 'disabled',
    'x-nvidia-gpu-driver-version': device.driver,
    'x-nvidia-gpu-vbios-version': device.vbios,
    'x-nvidia-gpu-arch-check': true,
    'x-nvidia-gpu-vbios-index-no-conflict': true,
    'x-nvidia-attestation-warning': null,
    [`${report}-parsed`]: true,
    [`${report}-nonce-match`]: true,
    [`${report}-signature-verified`]: true,
    ...(version === '2.0'
      ? { [`${report}-cert-chain-validated`]: true }
      : {
          [`${report}-cert-chain-fwid-match`]: true,
          [`${report}-cert-chain`]: GOOD_CHAIN,
        }),
    ...rim('driver'),
    ...rim('vbios'),
  }
}

/** The service's key set with one key. */
export function writeKeySet(
  signer: Signer,
  kid: string,
  chain: readonly Uint8Array[],
  fields: ClaimValues = {},
): Bytes {
  const half = (signer.point.length - 1) / 2
  const key = {
    kty: 'EC',
    use: 'sig',
    crv: 'P-384',
    kid,
    x: base64url(signer.point.subarray(1, 1 + half)),
    y: base64url(signer.point.subarray(1 + half)),
    x5c: chain.map((der) => base64(der)),
    ...fields,
  }
  return utf8(JSON.stringify({ keys: [key] }))
}
