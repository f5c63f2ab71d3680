import { fromHex } from '#base/bytes.ts'
import type { Json } from '#base/jcs.ts'
import type { CryptoMode, Provider, Registration } from '#protocol'
import {
  allowanceKeyFromEnc,
  ProtocolError,
  parseChallengeAnswer,
  parseRegisterAnswer,
  signRegistration,
} from '#protocol'
import type { Attestor } from '../attest/attestor.ts'
import type { Identity } from '../attest/identity.ts'
import type { Lease } from './lease.ts'
import { LeaseError } from './lease-error.ts'
import { postJson } from './post-json.ts'

/** What this runner offers, the same at every gateway. */
export type Offer = Pick<Registration, 'payee' | 'transport' | 'model' | 'capacity'>

export interface RegisterDeps {
  readonly provider: Provider<CryptoMode>
  readonly attestor: Attestor
  readonly fetch: typeof globalThis.fetch
  readonly production: boolean
}

export interface Granted {
  readonly lease: Lease
  readonly heartbeatSeconds: number
}

/**
 * Registers an identity at a gateway.
 * 1. ask for a challenge  2. quote over it  3. sign the offer with the receipt key (H7)  4. open the
 * allowance context that the gateway made to our attested key
 * @throws LeaseError, QuoteError
 */
export async function register(
  deps: RegisterDeps,
  gateway: string,
  identity: Identity,
  offer: Offer,
  stop: AbortSignal,
): Promise<Granted> {
  const asked = await postJson(deps.fetch, `${gateway}/v1/runners/challenge`, {}, stop)
  const { challenge, gateway: name } = read(() => parseChallengeAnswer(asked, 'challenge'))
  if (deps.production) checkName(gateway, name)
  const report = await deps.attestor.ownReport(identity, challenge)
  const request = signRegistration(
    {
      ...offer,
      gateway: name,
      challenge,
      sequence: identity.nextSequence(),
      keyset_digest: identity.digest,
    },
    report,
    identity.signer,
  )
  // Sound: the request is made of parsed protocol messages, which hold JSON values only.
  const body = request as unknown as Json
  const told = await postJson(deps.fetch, `${gateway}/v1/runners/register`, body, stop)
  const answer = read(() => parseRegisterAnswer(told, 'register'))
  const key = await allowanceKeyFromEnc(identity.allowanceKey, fromHex(answer.allowance_enc))
  const lease: Lease = {
    gateway,
    name,
    runnerId: answer.runner_id,
    sessionId: answer.session_id,
    identity,
    allowances: deps.provider.hashes.macKey(key),
    origin: answer.origin,
    till: answer.till?.address ?? null,
    meterKey: answer.meter_key,
  }
  return { lease, heartbeatSeconds: answer.lease.heartbeat_seconds }
}

/**
 * What we sign names one gateway, so that nobody else can use it: one that passes another's challenge and name on would
 * register us there, stand in our tunnel and keep our receipts (H7). Only a developer's may stand behind a proxy.
 * @throws LeaseError
 */
function checkName(gateway: string, name: string): void {
  if (name === gateway) return
  throw new LeaseError('malformed', 'the gateway calls itself by another origin than GATEWAYS does')
}

/** Maps a malformed answer to the lease's own error. */
export function read<T>(parse: () => T): T {
  try {
    return parse()
  } catch (cause) {
    if (!(cause instanceof ProtocolError)) throw cause
    throw new LeaseError('malformed', 'the gateway’s answer is not the protocol’s', { cause })
  }
}
