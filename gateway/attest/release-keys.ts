import { type Clock, type Random, toSeconds } from '#base/brand.ts'
import { fromUtf8, utf8 } from '#base/bytes.ts'
import { readBounded } from '#base/read-bounded.ts'
import {
  type CryptoMode,
  gatewaySubject,
  keysetDigest,
  ProtocolError,
  type Provider,
  parseReleaseRequest,
  type ReleaseRequest,
  type Signer,
  sealingKeyOf,
  sealRelease,
} from '#protocol'
import { CLOCK_SLACK_SECONDS } from '../clock-slack.ts'
import { ApiError, errorAnswer } from '../errors.ts'
import { codeOf, type Log } from '../log.ts'
import { type Challenges, createChallenges, usedInMemory } from '../runners/challenges.ts'
import { type JudgeDeps, judgeEvidence } from '../runners/judge-evidence.ts'
import { CHALLENGE_PATH, RELEASE_PATH } from './release-paths.ts'
import type { ReleasedSettings } from './released-settings.ts'
import { SELF_LIFETIME_SECONDS } from './self-identity.ts'

export interface KeyServiceDeps {
  /** The rules for the gateway's machine; its allowlist is the operator's own list of images. */
  readonly judge: JudgeDeps
  /** The one gateway that these keys are for. */
  readonly origin: string
  readonly keys: ReleasedSettings
  readonly signer: Signer
  readonly provider: Pick<Provider<CryptoMode>, 'suites' | 'hashes'>
  readonly clock: Clock
  readonly random: Random
  readonly log: Log
}

/** Evidence of the largest machine, certificates and all, is below this. */
const MAX_BODY_BYTES = 512 * 1024
const MAC_BYTES = 32

/**
 * Releases a gateway's keys to a machine that proves which software it runs, over a challenge of this service's own
 * and sealed to a key that the proof names (M16). Runs on another machine than the gateway.
 * @see protocol/SPEC.md section 17
 */
export function createKeyService(deps: KeyServiceDeps): (request: Request) => Promise<Response> {
  const { random, provider } = deps
  const mac = provider.hashes.macKey(random(MAC_BYTES))
  const challenges = createChallenges({ mac, random, used: usedInMemory() })
  const now = () => toSeconds(deps.clock())

  const challenge = async (): Promise<object> => {
    const { challenge, expiresAt } = challenges.issue(now())
    return { challenge, expires_at: expiresAt }
  }
  const release = async (request: Request): Promise<object> => {
    const asked = readRequest(await readLimited(request))
    challenges.check(asked.challenge, now())
    return releaseTo(deps, asked, challenges)
  }
  const routes: Readonly<Record<string, (request: Request) => Promise<object>>> = {
    [CHALLENGE_PATH]: challenge,
    [RELEASE_PATH]: release,
  }
  return async (request) => {
    try {
      const { pathname } = new URL(request.url)
      const route = Object.hasOwn(routes, pathname) ? routes[pathname] : undefined
      if (route === undefined || request.method !== 'POST') {
        throw new ApiError('not_found', 'There is no such route')
      }
      return Response.json(await route(request), { headers: { 'cache-control': 'no-store' } })
    } catch (error) {
      const check = error instanceof ApiError && error.param !== null ? { check: error.param } : {}
      deps.log('warn', 'keys refused', { code: codeOf(error), ...check })
      const { status, headers, body } = errorAnswer(error)
      return new Response(body, { status, headers })
    }
  }
}

/** 1. it is this gateway  2. its machine is what the operator listed, once  3. seal to the key that the quote names */
async function releaseTo(
  deps: KeyServiceDeps,
  asked: ReleaseRequest,
  challenges: Challenges,
): Promise<object> {
  const { attestation } = asked.report
  const keyset = attestation.workload_keyset
  const now = toSeconds(deps.clock())
  if (keyset.subject !== gatewaySubject(deps.origin)) {
    throw new ApiError('forbidden', 'These keys are another gateway’s', { param: 'subject' })
  }
  const left = keyset.not_after - now
  if (left <= 0 || left > SELF_LIFETIME_SECONDS + CLOCK_SLACK_SECONDS) {
    throw new ApiError('forbidden', 'The keyset is not of now', { param: 'not_after' })
  }
  const publicKey = sealingKeyOf(keyset, 'ehbp-x25519')
  if (publicKey === undefined) {
    throw new ApiError('invalid_request', 'The keyset has no key to seal to', { param: 'keyset' })
  }
  const digest = keysetDigest(keyset)
  await judgeEvidence(deps.judge, {
    evidence: attestation.evidence,
    keyset,
    keysetDigest: digest,
    subject: undefined,
    nonce: asked.challenge,
  })
  await challenges.use(asked.challenge, now)
  const binding = { keysetDigest: digest, challenge: asked.challenge }
  const keys = utf8(JSON.stringify(deps.keys))
  const sealed = await sealRelease(deps.provider, binding, publicKey, keys, deps.signer)
  deps.log('info', 'keys released', {})
  return sealed
}

function readRequest(body: Uint8Array): ReleaseRequest {
  try {
    return parseReleaseRequest(JSON.parse(fromUtf8(body)), 'request')
  } catch (cause) {
    const message = cause instanceof ProtocolError ? cause.message : 'The body is no JSON'
    throw new ApiError('invalid_request', message, { cause })
  }
}

/** @throws ApiError `request_too_large` */
async function readLimited(request: Request): Promise<Uint8Array> {
  const bytes = await readBounded(request, MAX_BODY_BYTES)
  if (bytes === undefined) throw new ApiError('request_too_large', 'The evidence is too large')
  return bytes
}
