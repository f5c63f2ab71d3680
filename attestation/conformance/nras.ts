import { unixSeconds } from '#base/brand.ts'
import { fromHex, utf8 } from '#base/bytes.ts'
import type { Check } from '../checks.ts'
import { AttestationError } from '../errors.ts'
import type { JsonObject } from '../fields.ts'
import { appraiseNras } from '../nras/appraise.ts'
import { textClaim } from '../nras/claims.ts'
import { DEFAULT_NRAS_POLICY, type NrasPolicy } from '../nras/policy.ts'
import { type NrasFacts, proveNras } from '../nras/prove.ts'
import { parseDetachedEat } from '../nras/token.ts'
import { PINNED_ANCHORS } from '../roots.ts'
import { classesOf } from './sev.ts'
import { type VectorInput, type VectorResult, VectorSkipped } from './vector.ts'

const NO_KEYS = utf8('{"keys":[]}')

/** Runs an NRAS vector: the vector's key set is the only one, and its nonce and device names what we ask for. */
export async function runNrasVector(input: VectorInput): Promise<VectorResult> {
  const answer = input.role('nras_response')
  if (answer === undefined) throw new VectorSkipped(`subject ${input.vector.subject}`)
  const { expect } = input.vector
  const now = input.now ?? unixSeconds(0)
  const proof = await proveNras({
    answer,
    keySet: input.anchor ?? input.role('jwks') ?? NO_KEYS,
    now,
    anchors: PINNED_ANCHORS.nras,
    nonce: fromHex(String(expect['eat_nonce'])),
  })
  const checks: Check[] = [...proof.checks]
  if (proof.proven) {
    // Evidence is not at hand: the manifest says how many GPUs the answer must be about.
    const names = Array.isArray(expect['submodules']) ? expect['submodules'] : []
    const gpus = names.map(() => undefined)
    checks.push(...appraiseNras(proof.facts, policyOf(input), { now, gpus }))
  }
  const classes = classesOf(checks)
  const facts = proof.proven ? provenFacts(proof.facts, answer) : {}
  return { verdict: classes.length === 0 ? 'valid' : 'invalid', classes, facts }
}

function policyOf(input: VectorInput): NrasPolicy {
  if (!input.waived('nras-key-provenance')) return DEFAULT_NRAS_POLICY
  return { ...DEFAULT_NRAS_POLICY, keyProvenance: 'unchecked' }
}

function provenFacts(
  { overall, devices }: NrasFacts,
  answer: Parameters<typeof parseDetachedEat>[0],
): VectorResult['facts'] {
  return {
    issuer: overall['iss'],
    kid: headerOf(answer)['kid'],
    alg: headerOf(answer)['alg'],
    iat: overall['iat'],
    nbf: overall['nbf'],
    exp: overall['exp'],
    eat_nonce: overall['eat_nonce'],
    claims_version: overall['x-nvidia-ver'],
    overall_result: overall['x-nvidia-overall-att-result'],
    // What the proof has shown of every device token.
    submodules: devices.map(({ name, claims }) => ({
      name,
      alg: 'ES384',
      signature: true,
      digest_matches: true,
      eat_nonce_matches: true,
      measres: textClaim(claims, 'measres') ?? null,
      hwmodel: textClaim(claims, 'hwmodel') ?? null,
      driver: textClaim(claims, 'x-nvidia-gpu-driver-version') ?? null,
      vbios: textClaim(claims, 'x-nvidia-gpu-vbios-version') ?? null,
    })),
  }
}

function headerOf(answer: Parameters<typeof parseDetachedEat>[0]): JsonObject {
  try {
    return parseDetachedEat(answer).overall.header
  } catch (cause) {
    if (cause instanceof AttestationError) return {}
    throw cause
  }
}
