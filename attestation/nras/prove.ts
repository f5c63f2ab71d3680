import { compactVerify, importJWK } from 'jose'
import { type UnixSeconds, unixSeconds } from '#base/brand.ts'
import { type Bytes, base64url, hex, utf8 } from '#base/bytes.ts'
import type { TrustAnchors } from '../anchors.ts'
import { type Proof, prove } from '../checks.ts'
import { digestOf } from '../digest.ts'
import { AttestationError, demand } from '../errors.ts'
import type { JsonObject } from '../fields.ts'
import { NRAS_CHECKS } from './checks.ts'
import { checkDates, type TokenDates } from './dates.ts'
import { type KeyProvenance, keyProvenance } from './key-provenance.ts'
import { findKey, type NrasKey } from './keys.ts'
import { type DetachedEat, parseDetachedEat, type Token } from './token.ts'

/** What is true about an answer of NVIDIA's attestation service once every signature has passed. */
export interface NrasFacts {
  readonly overall: JsonObject
  readonly devices: readonly { readonly name: string; readonly claims: JsonObject }[]
  /** When the oldest of the tokens was issued. */
  readonly issuedAt: UnixSeconds
  readonly keyProvenance: KeyProvenance
}

export interface NrasProofInput {
  /** The service's answer. */
  readonly answer: Bytes
  /** The service's key set, fetched from the service and never named by a token. */
  readonly keySet: Bytes
  readonly now: UnixSeconds
  readonly anchors: TrustAnchors['nras']
  /** The 32 bytes that every token must answer. */
  readonly nonce: Bytes
}

const ALGORITHM = 'ES384'
/** Header parameters that would make a verifier take its key from the token. */
const FOREIGN_KEYS = ['jku', 'jwk', 'x5u', 'x5c', 'crit'] as const
const SUBJECT = 'NVIDIA-PLATFORM-ATTESTATION'

/**
 * Proves an answer, every token of it alike:
 * 1. it has the form of a detached attestation; 2. each token names ES384 and a key of the key set;
 * 3. each token is signed by that key, 4. issued by the pinned issuer, 5. valid now, 6. over our nonce;
 * 7. the overall token digests exactly these device tokens;
 * 8. certificates that came with the key are for this key, and linked.
 * @see RFC 7515, RFC 7519, RFC 8725; RFC 9711 (entity attestation token)
 */
export function proveNras(input: NrasProofInput): Promise<Proof<NrasFacts>> {
  return prove(NRAS_CHECKS, async (list) => {
    const eat = await list.step('nras.form', () => parseDetachedEat(input.answer))
    const tokens = [eat.overall, ...eat.devices.map(({ token }) => token)]
    const kid = await list.step('nras.header', () => checkHeaders(tokens))
    const key = await list.step('nras.key', () => requireKey(input.keySet, kid))
    await list.step('nras.signature', () => checkSignatures(tokens, key))
    await list.step('nras.issuer', () => checkIssuer(eat, input.anchors.issuer))
    const dates = await list.step('nras.dates', () =>
      tokens.map(({ payload }) => checkDates(payload, input.now)),
    )
    for (const { expires } of dates) list.bound(expires)
    await list.step('nras.nonce', () => checkNonces(tokens, input.nonce))
    await list.step('nras.digests', () => checkDigests(eat))
    const issuedAt = oldest(dates)
    const provenance = await list.step('nras.key-chain', () =>
      keyProvenance(key, input.anchors, issuedAt),
    )
    return {
      overall: eat.overall.payload,
      devices: eat.devices.map(({ name, token }) => ({ name, claims: token.payload })),
      issuedAt,
      keyProvenance: provenance,
    }
  })
}

/** @returns the one key id that all tokens name */
function checkHeaders(tokens: readonly Token[]): string {
  for (const { header } of tokens) {
    // First, so that "none" and HMAC are never even considered.
    demand(header['alg'] === ALGORITHM, 'token-alg', 'a token is not signed by ES384')
    const foreign = FOREIGN_KEYS.find((name) => header[name] !== undefined)
    demand(foreign === undefined, 'token-key', `a token header names ${foreign}`)
  }
  const kids = new Set(tokens.map(({ header }) => header['kid']))
  const [kid] = kids
  demand(typeof kid === 'string' && kids.size === 1, 'token-key', 'tokens do not name one key')
  return kid
}

function requireKey(keySet: Bytes, kid: string): NrasKey {
  const key = findKey(keySet, kid)
  demand(key !== undefined, 'token-key', 'the key set does not have the key of the tokens')
  return key
}

async function checkSignatures(tokens: readonly Token[], { point }: NrasKey): Promise<void> {
  const half = (point.length - 1) / 2
  const jwk = {
    kty: 'EC',
    crv: 'P-384',
    x: base64url(point.subarray(1, 1 + half)),
    y: base64url(point.subarray(1 + half)),
  }
  for (const [i, { compact }] of tokens.entries()) {
    try {
      await compactVerify(compact, await importJWK(jwk, ALGORITHM), { algorithms: [ALGORITHM] })
    } catch (cause) {
      throw new AttestationError('token-signature', `signature of token ${i} is bad`, { cause })
    }
  }
}

function checkIssuer({ overall, devices }: DetachedEat, issuer: string): void {
  for (const { payload } of [overall, ...devices.map(({ token }) => token)]) {
    demand(payload['iss'] === issuer, 'token-issuer', `a token is not issued by ${issuer}`)
  }
  demand(overall.payload['sub'] === SUBJECT, 'token-issuer', 'overall token has another subject')
}

function checkNonces(tokens: readonly Token[], nonce: Bytes): void {
  const expected = hex(nonce)
  for (const [i, { payload }] of tokens.entries()) {
    demand(payload['eat_nonce'] === expected, 'token-nonce', `token ${i} answers another nonce`)
  }
}

/** `submods: {"GPU-0": ["DIGEST", ["SHA-256", hex]]}` */
async function checkDigests({ overall, devices }: DetachedEat): Promise<void> {
  const submods = overall.payload['submods']
  const isObject = typeof submods === 'object' && submods !== null && !Array.isArray(submods)
  demand(isObject, 'token-digest', 'overall token has no submodules')
  const same = Object.keys(submods).length === devices.length
  demand(same, 'token-digest', 'overall token names other devices')
  for (const { name, token } of devices) {
    const digest = await digestOf('SHA-256', utf8(token.compact))
    const expected = JSON.stringify(['DIGEST', ['SHA-256', hex(digest)]])
    // Sound: an object, checked above; its values stay unknown.
    const named = Object.hasOwn(submods, name) ? (submods as JsonObject)[name] : undefined
    demand(JSON.stringify(named) === expected, 'token-digest', `token of ${name} is another one`)
  }
}

function oldest(dates: readonly TokenDates[]): UnixSeconds {
  return unixSeconds(Math.min(...dates.map(({ issuedAt }) => issuedAt)))
}
