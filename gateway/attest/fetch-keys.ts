import { type Clock, toSeconds } from '#base/brand.ts'
import { type Bytes, fromUtf8 } from '#base/bytes.ts'
import { CodedError } from '#base/coded-error.ts'
import { readBounded } from '#base/read-bounded.ts'
import {
  type CryptoMode,
  generateSealingKey,
  openRelease,
  type Provider,
  parseRelease,
  type Signer,
} from '#protocol'
import type { Machine } from './machine.ts'
import { makeReport } from './make-report.ts'
import { CHALLENGE_PATH, RELEASE_PATH } from './release-paths.ts'
import { type ReleasedSettings, readReleasedSettings } from './released-settings.ts'
import { createSelfIdentity } from './self-identity.ts'

/**
 * - `unreachable`: the key service does not answer (check KEY_SERVICE, try again)
 * - `refused`: it does not accept this machine (its log and the message name the check)
 * - `not_trusted`: what came is not of the service that KEY_SERVICE_KEY names, or not for this machine
 */
export class KeyReleaseError extends CodedError<'unreachable' | 'refused' | 'not_trusted'> {
  override readonly name = 'KeyReleaseError'
}

export interface FetchKeysDeps {
  readonly machine: Machine
  readonly service: { readonly url: string; readonly publicKey: Bytes }
  /** This gateway's origin: the service releases the keys of one. */
  readonly origin: string
  readonly makeSigner: () => Pick<Signer, 'keyId' | 'publicKey'>
  readonly provider: Pick<Provider<CryptoMode>, 'suites' | 'verify'>
  readonly fetch: typeof fetch
  readonly clock: Clock
}

const TIMEOUT_MS = 60_000
/** A gateway's keys and settings, sealed. */
const MAX_ANSWER_BYTES = 1024 * 1024
const CHALLENGE = /^[0-9a-f]{64}$/

/**
 * Gets this gateway's keys for evidence of the machine that it runs in. The key that they are sealed to is made here,
 * used once and forgotten.
 * @throws KeyReleaseError
 */
export async function fetchKeys(deps: FetchKeysDeps): Promise<ReleasedSettings> {
  const { origin, provider, service } = deps
  const sealingKey = await generateSealingKey(provider.suites['ehbp-x25519'])
  const now = toSeconds(deps.clock())
  const who = createSelfIdentity(origin, deps.makeSigner(), [], now, [sealingKey])
  const challenge = challengeIn(await post(deps, CHALLENGE_PATH, {}))
  const report = await makeReport(deps.machine, who, challenge)
  const answer = await post(deps, RELEASE_PATH, { challenge, report })
  try {
    const release = parseRelease(answer, 'release')
    const binding = { keysetDigest: who.digest, challenge }
    const opened = await openRelease(provider, binding, sealingKey, release, service.publicKey)
    return readReleasedSettings(JSON.parse(fromUtf8(opened)))
  } catch (cause) {
    const message = 'the answer is not of the key service that KEY_SERVICE_KEY names'
    throw new KeyReleaseError('not_trusted', message, { cause })
  }
}

async function post(deps: FetchKeysDeps, path: string, body: object): Promise<unknown> {
  let response: Response
  try {
    response = await deps.fetch(new URL(path, deps.service.url), {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify(body),
      redirect: 'error',
      signal: AbortSignal.timeout(TIMEOUT_MS),
    })
  } catch (cause) {
    throw new KeyReleaseError('unreachable', 'the key service does not answer', { cause })
  }
  const said = await readAnswer(response)
  if (!response.ok) throw new KeyReleaseError('refused', refusalOf(response.status, said))
  return said
}

/** Undefined for what is no JSON, or more of it than a key service has to say. */
async function readAnswer(response: Response): Promise<unknown> {
  try {
    const bytes = await readBounded(response, MAX_ANSWER_BYTES)
    return bytes === undefined ? undefined : JSON.parse(fromUtf8(bytes))
  } catch {
    return undefined
  }
}

/** The check that failed, by its id: anything else that a stranger says stays out of messages. */
function refusalOf(status: number, said: unknown): string {
  const param = memberOf(memberOf(said, 'error'), 'param')
  const check = typeof param === 'string' && /^[a-z0-9_.-]{1,64}$/.test(param) ? ` (${param})` : ''
  return `the key service does not accept this machine: ${status}${check}`
}

function challengeIn(answer: unknown): string {
  const challenge = memberOf(answer, 'challenge')
  if (typeof challenge === 'string' && CHALLENGE.test(challenge)) return challenge
  throw new KeyReleaseError('not_trusted', 'the key service gives no challenge')
}

function memberOf(value: unknown, name: string): unknown {
  if (typeof value !== 'object' || value === null || !Object.hasOwn(value, name)) return undefined
  // Sound: an object that has this member of its own.
  return (value as Record<string, unknown>)[name]
}
