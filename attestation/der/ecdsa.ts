import { type Bytes, copyBytes, hex } from '#base/bytes.ts'
import { AttestationError, demand } from '../errors.ts'
import { DerReader, readDer, TAG } from './reader.ts'
import { unsignedBytes } from './values.ts'

export type Curve = 'P-256' | 'P-384'

/** Coordinate length in bytes and group order. @see FIPS 186-4 section D.1.2 */
const CURVES = {
  'P-256': {
    bytes: 32,
    order: 0xffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551n,
  },
  'P-384': {
    bytes: 48,
    order:
      0xffffffffffffffffffffffffffffffffffffffffffffffffc7634d81f4372ddf581a0db248b0a77aecec196accc52973n,
  },
} as const satisfies Record<Curve, { bytes: number; order: bigint }>

/** Checks that raw r||s has the curve's length and both numbers lie in 1..n-1. */
export function checkEcdsaRaw(raw: Bytes, curve: Curve): Bytes {
  const { bytes, order } = CURVES[curve]
  demand(raw.length === 2 * bytes, 'signature', `ECDSA signature of ${raw.length} bytes`)
  for (const half of [raw.subarray(0, bytes), raw.subarray(bytes)]) {
    const value = BigInt(`0x${hex(half)}`)
    demand(value > 0n && value < order, 'signature', 'ECDSA signature value out of range')
  }
  return raw
}

/** The DER form SEQUENCE {r INTEGER, s INTEGER} as raw r||s; strict, so that one signature has one form. */
export function ecdsaRawFromDer(der: Bytes, curve: Curve): Bytes {
  const { bytes } = CURVES[curve]
  const reader = new DerReader(readDer(der, TAG.sequence).content)
  const raw = new Uint8Array(2 * bytes)
  for (const end of [bytes, 2 * bytes]) {
    const value = unsignedBytes(reader.next(TAG.integer))
    demand(value.length <= bytes, 'signature', 'ECDSA signature value out of range')
    raw.set(value, end - value.length)
  }
  reader.end()
  return checkEcdsaRaw(raw, curve)
}

/**
 * Verifies a raw r||s signature by a raw key (uncompressed point or x||y), as SNP reports, DCAP quotes,
 * SPDM transcripts, JWS and XML signatures carry them.
 * @returns false for a wrong signature; throws for values out of range and points off the curve
 */
export async function verifyEcdsaRaw(input: {
  readonly curve: Curve
  readonly hash: 'SHA-256' | 'SHA-384'
  readonly point: Bytes
  readonly message: Bytes
  readonly signature: Bytes
}): Promise<boolean> {
  const { curve, hash, message } = input
  const signature = checkEcdsaRaw(input.signature, curve)
  const key = await importEcPoint(input.point, curve)
  return crypto.subtle.verify({ name: 'ECDSA', hash }, key, signature, message)
}

async function importEcPoint(point: Bytes, curve: Curve): Promise<CryptoKey> {
  const { bytes } = CURVES[curve]
  const full = point.length === 2 * bytes ? prefixed(point) : point
  demand(full.length === 2 * bytes + 1 && full[0] === 4, 'signature', 'EC point form')
  try {
    const parameters = { name: 'ECDSA', namedCurve: curve }
    return await crypto.subtle.importKey('raw', full, parameters, false, ['verify'])
  } catch (cause) {
    throw new AttestationError('signature', 'public key is not on the curve', { cause })
  }
}

function prefixed(point: Bytes): Bytes {
  const full = new Uint8Array(point.length + 1)
  full[0] = 4
  full.set(copyBytes(point), 1)
  return full
}
