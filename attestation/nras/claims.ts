import { type UnixSeconds, unixSeconds } from '#base/brand.ts'
import type { JsonObject } from '../fields.ts'

/** Versions of the service's claims that this verifier knows. */
export const CLAIMS_VERSIONS = ['2.0', '3.0'] as const
export type ClaimsVersion = (typeof CLAIMS_VERSIONS)[number]

const REPORT = 'x-nvidia-gpu-attestation-report'
const DRIVER = 'x-nvidia-gpu-driver-rim'
const VBIOS = 'x-nvidia-gpu-vbios-rim'
const NVIDIA_OEM_ID = '5703'

/** Claims of a device that must have exactly this value, in every version. */
const EXACT: Readonly<Record<string, string | boolean>> = {
  measres: 'success',
  secboot: true,
  dbgstat: 'disabled',
  oemid: NVIDIA_OEM_ID,
  'x-nvidia-gpu-arch-check': true,
  'x-nvidia-gpu-vbios-index-no-conflict': true,
  [`${REPORT}-parsed`]: true,
  [`${REPORT}-nonce-match`]: true,
  [`${REPORT}-signature-verified`]: true,
  ...rimClaims(DRIVER),
  ...rimClaims(VBIOS),
}

function rimClaims(prefix: string): Readonly<Record<string, true>> {
  return {
    [`${prefix}-fetched`]: true,
    [`${prefix}-schema-validated`]: true,
    [`${prefix}-signature-verified`]: true,
    [`${prefix}-measurements-available`]: true,
  }
}

/** Further exact claims, and claims that describe a certificate chain, by version. */
const BY_VERSION: Readonly<
  Record<
    ClaimsVersion,
    { readonly exact: Readonly<Record<string, true>>; readonly chains: readonly string[] }
  >
> = {
  '2.0': {
    exact: {
      [`${REPORT}-cert-chain-validated`]: true,
      [`${DRIVER}-cert-validated`]: true,
      [`${VBIOS}-cert-validated`]: true,
    },
    chains: [],
  },
  '3.0': {
    exact: {
      [`${REPORT}-cert-chain-fwid-match`]: true,
      [`${DRIVER}-version-match`]: true,
      [`${VBIOS}-version-match`]: true,
    },
    chains: [`${REPORT}-cert-chain`, `${DRIVER}-cert-chain`, `${VBIOS}-cert-chain`],
  },
}

/** Claims of a chain that must have this value, and those that must have it when they are there. */
const CHAIN_EXACT: Readonly<Record<string, string | null>> = {
  'x-nvidia-cert-status': 'valid',
  'x-nvidia-cert-ocsp-status': 'good',
  'x-nvidia-cert-revocation-reason': null,
}
const CHAIN_OPTIONAL = ['x-nvidia-cert-ocsp-nonce-matches', 'x-nvidia-cert-ocsp-response-valid']
const CHAIN_EXPIRY = 'x-nvidia-cert-expiration-date'

/**
 * Names of the claims of one device that are missing or not good. Unknown claims are ignored.
 * @see https://docs.attestation.nvidia.com (NRAS claims, versions 2.0 and 3.0)
 */
export function badClaims(
  claims: JsonObject,
  version: ClaimsVersion,
  now: UnixSeconds,
): readonly string[] {
  const { exact, chains } = BY_VERSION[version]
  const wrong = Object.entries({ ...EXACT, ...exact })
    .filter(([name, value]) => !Object.hasOwn(claims, name) || claims[name] !== value)
    .map(([name]) => name)
  return [...wrong, ...chains.filter((name) => !isGoodChain(claims[name], now))]
}

function isGoodChain(value: unknown, now: UnixSeconds): boolean {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return false
  // Sound: an object, checked just above; its values stay unknown.
  const chain = value as JsonObject
  const exact = Object.entries(CHAIN_EXACT).every(
    ([name, good]) => Object.hasOwn(chain, name) && chain[name] === good,
  )
  const optional = CHAIN_OPTIONAL.every(
    (name) => !Object.hasOwn(chain, name) || chain[name] === true,
  )
  const expiry = chain[CHAIN_EXPIRY]
  return exact && optional && typeof expiry === 'string' && after(expiry, now)
}

const ISO_TIME = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/

function after(text: string, now: UnixSeconds): boolean {
  const ms = ISO_TIME.test(text) ? Date.parse(text) : Number.NaN
  return Number.isFinite(ms) && unixSeconds(Math.max(0, Math.floor(ms / 1000))) >= now
}

/** A claim that is text; undefined otherwise. */
export function textClaim(claims: JsonObject, name: string): string | undefined {
  const value = claims[name]
  return typeof value === 'string' ? value : undefined
}
