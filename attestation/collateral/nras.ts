import { unixSeconds } from '#base/brand.ts'
import { type Bytes, base64, hex, utf8 } from '#base/bytes.ts'
import { demand } from '../errors.ts'
import type { GpuEvidenceBytes } from '../evidence.ts'
import { gpuEvidenceDigest } from '../hashes.ts'
import { findKey } from '../nras/keys.ts'
import { keySetName, kidOfAnswer, tokenName } from '../nras/names.ts'
import { DEFAULT_NRAS_POLICY } from '../nras/policy.ts'
import { parseDetachedEat } from '../nras/token.ts'
import { deviceIdentity } from '../nvidia/device.ts'
import type { NvidiaEvidence } from '../nvidia/evidence.ts'
import type { Collateral, CollateralLifetime, CollateralRequest } from './entry.ts'

export interface NrasSettings {
  /** Base URL without a slash at the end. */
  readonly nras: string
  /** NVIDIA's service key. */
  readonly serviceKey: string | undefined
}

const MAX_TOKEN_BYTES = 262_144
const MAX_KEY_SET_BYTES = 262_144
const KEY_SET_SECONDS = 21_600
/** A set that nobody could read again for so long is no longer believed: a key that was withdrawn is not in the new one. */
const KEY_SET_ENDS_SECONDS = 86_400
const CLAIMS_VERSION = '3.0'

/**
 * What the attestation service must still supply: its answer about these GPUs, then the key set that has the answer's
 * key. Switches are judged by manifests only.
 */
export async function nrasRequests(
  gpu: GpuEvidenceBytes,
  evidence: NvidiaEvidence,
  have: Collateral,
  settings: NrasSettings,
): Promise<CollateralRequest[]> {
  const gpus = evidence.devices.filter(({ chain }) => deviceIdentity(chain).kind === 'gpu')
  const [first] = gpus
  if (first === undefined) return []
  const token = tokenName(await gpuEvidenceDigest(gpu.devices))
  const answer = have.get(token)?.body
  if (answer !== undefined) return [keySetRequest(kidOfAnswer(answer), settings)]
  const body = {
    nonce: hex(first.transcript.requestNonce),
    arch: gpu.arch,
    claims_version: CLAIMS_VERSION,
    evidence_list: gpus.map(({ bytes }) => ({
      evidence: base64(bytes.evidence),
      certificate: base64(bytes.certificate),
    })),
  }
  return [
    {
      name: token,
      url: `${settings.nras}/v4/attest/gpu`,
      method: 'POST',
      body: utf8(JSON.stringify(body)),
      send: {
        'content-type': 'application/json',
        ...(settings.serviceKey === undefined
          ? {}
          : { authorization: `Bearer ${settings.serviceKey}` }),
      },
      keep: [],
      maxBytes: MAX_TOKEN_BYTES,
      lifetime: tokenLifetime,
    },
  ]
}

/** Kept no longer than the default policy takes a token, whatever its own end. */
function tokenLifetime({ body }: { readonly body: Bytes }): CollateralLifetime {
  const { iat, exp } = parseDetachedEat(body).overall.payload
  const dated = Number.isSafeInteger(iat) && Number.isSafeInteger(exp)
  demand(dated, 'token-expired', 'token has no dates')
  const limit = Number(iat) + DEFAULT_NRAS_POLICY.maxAgeSeconds
  return { expires: unixSeconds(Math.min(limit, Number(exp))), refresh: undefined }
}

function keySetRequest(kid: string, { nras }: NrasSettings): CollateralRequest {
  return {
    name: keySetName(kid),
    url: `${nras}/.well-known/jwks.json`,
    method: 'GET',
    keep: [],
    maxBytes: MAX_KEY_SET_BYTES,
    lifetime: ({ body, fetchedAt }): CollateralLifetime => {
      const known = findKey(body, kid) !== undefined
      demand(known, 'token-key', 'key set does not have the key of the token')
      return {
        expires: unixSeconds(fetchedAt + KEY_SET_ENDS_SECONDS),
        refresh: unixSeconds(fetchedAt + KEY_SET_SECONDS),
      }
    },
  }
}
