import { toSeconds, type UnixMs, unixSeconds } from '#base/brand.ts'
import { type Bytes, hex, utf8 } from '#base/bytes.ts'
import {
  agreeVersion,
  type Keyset,
  openAllowanceContext,
  ProtocolError,
  parseRegisterRequest,
  type RegisterAnswer,
  type RegisterRequest,
  type Subject,
  sealingKeyOf,
  verifyRegistration,
} from '#protocol'
import { CLOCK_SLACK_SECONDS } from '../clock-slack.ts'
import { type RunnerId, tonAddress } from '../db/ids.ts'
import { ApiError } from '../errors.ts'
import { claimHardware } from './claim-hardware.ts'
import type { RunnersDeps } from './deps.ts'
import { HEARTBEAT_SECONDS } from './directory.ts'
import { bundleOf, type Judgement, judgeEvidence } from './judge-evidence.ts'
import { TUNNEL, toLiveRunner } from './live-from-rows.ts'
import { newLoad } from './load.ts'
import { requireProvenPayee } from './require-payee.ts'
import type { RunnerRow } from './runner-store.ts'
import { runnerOrigin } from './runner-url.ts'
import { reopened } from './score.ts'
import { type SessionDocument, sessionDocument } from './session-document.ts'
import { standingOf } from './standing.ts'

/** A keyset is attested for a day at most (M9). */
const MAX_KEYSET_SECONDS = 86_400

/**
 * Registers a runner.
 * 1. shape, version  2. the challenge  3. signature, payee and model of the keyset's subject (H7)  4. lifetime, keys,
 * price, address  5. evidence, allowlist; the challenge is used  6. the hardware's own runner id  7. the allowance context and the session
 * 8. lease
 * @throws ApiError or ProtocolError that names what failed
 */
export async function register(deps: RunnersDeps, body: unknown): Promise<RegisterAnswer> {
  const at = deps.clock()
  const request = parsed(() => parseRegisterRequest(body, 'register'))
  agreeVersion(request.report)
  const { challenge } = request.registration
  deps.challenges.check(challenge, toSeconds(at))
  const { keyset, subject } = await checkSignature(deps, request)
  await requireProvenPayee(deps, tonAddress(request.registration.payee))
  const offer = checkOffer(deps, request, keyset)
  const judgement = await judge(deps, request, keyset, subject)
  await deps.challenges.use(challenge, toSeconds(at))
  const runner = await claimHardware(deps, { request, judgement, at })
  const origin = await deps.origins.assign(runner.id, previousOrigin(deps, runner.id))
  const session = await documentOf(deps, { request, runner, origin, judgement, at })
  const allowance = await openAllowanceContext(deps.provider, offer.sealingKey)
  await store(deps, {
    ...offer,
    request,
    keyset,
    runner,
    origin,
    session,
    judgement,
    allowance,
    at,
  })
  deps.log('info', 'runner registered', {
    runner: runner.id,
    session: session.id,
    model: subject.model,
    code: judgement.verdict.status,
  })
  return {
    runner_id: runner.id,
    lease: { expires_at: keyset.not_after, heartbeat_seconds: HEARTBEAT_SECONDS },
    session_id: session.id,
    allowance_enc: hex(allowance.enc),
    origin,
    till: deps.till === undefined ? null : { address: deps.till },
    meter_key: deps.meterKey ?? null,
  }
}

function parsed<T>(parse: () => T): T {
  try {
    return parse()
  } catch (cause) {
    if (!(cause instanceof ProtocolError)) throw cause
    throw new ApiError('invalid_registration', cause.message, { cause })
  }
}

async function checkSignature(
  deps: RunnersDeps,
  request: RegisterRequest,
): Promise<{ keyset: Keyset; subject: Subject }> {
  const { challenge } = request.registration
  try {
    return await verifyRegistration(
      request,
      { gateway: deps.gatewayName, challenge },
      deps.verifier,
    )
  } catch (cause) {
    if (!(cause instanceof ProtocolError)) throw cause
    const code = cause.code === 'signature_invalid' ? cause.code : 'invalid_registration'
    throw new ApiError(code, cause.message, { cause })
  }
}

function checkOffer(
  deps: RunnersDeps,
  { registration }: RegisterRequest,
  keyset: Keyset,
): { transport: string; sealingKey: Bytes } {
  const now = toSeconds(deps.clock())
  const left = keyset.not_after - now
  if (left <= 0 || left > MAX_KEYSET_SECONDS + CLOCK_SLACK_SECONDS) {
    throw new ApiError('invalid_registration', 'keyset.not_after must be within the next 24 hours')
  }
  const sealingKey = parsed(() => sealingKeyOf(keyset, 'ehbp-x25519'))
  if (sealingKey === undefined) {
    throw new ApiError('invalid_registration', 'the keyset has no ehbp-x25519 key')
  }
  if (registration.model.price_coefficient_bps > deps.maxCoefficientBps) {
    throw new ApiError(
      'invalid_registration',
      `price_coefficient_bps is above this gateway's ${deps.maxCoefficientBps}`,
    )
  }
  const { transport } = registration
  const place = transport.kind === 'tunnel' ? TUNNEL : runnerOrigin(transport.url, deps.urlRules)
  if (place === TUNNEL && !deps.takesTunnels) {
    throw new ApiError(
      'transport_refused',
      'This gateway runs on Workers and takes no tunnels: set RUNNER_LISTEN and RUNNER_URL, an https address that reaches this runner, or register at a gateway on Node',
    )
  }
  return { transport: place, sealingKey }
}

function judge(
  deps: RunnersDeps,
  { report, registration }: RegisterRequest,
  keyset: Keyset,
  subject: Subject,
): Promise<Judgement> {
  return judgeEvidence(deps, {
    evidence: report.attestation.evidence,
    keyset,
    keysetDigest: report.workload_keyset_digest,
    subject,
    nonce: registration.challenge,
  })
}

function previousOrigin(deps: RunnersDeps, id: RunnerId): string | undefined {
  return deps.directory.find(id)?.lease.origin
}

async function documentOf(
  deps: RunnersDeps,
  input: {
    request: RegisterRequest
    runner: RunnerRow
    origin: string
    judgement: Judgement
    at: UnixMs
  },
): Promise<SessionDocument> {
  const { report, registration } = input.request
  const reportText = JSON.stringify(report)
  return sessionDocument({
    report,
    reportText,
    evidenceDigest: `sha256:${hex(deps.provider.hashes.sha256(utf8(reportText)))}`,
    runner: input.runner.id,
    origin: input.origin,
    challenge: registration.challenge,
    establishedAt: toSeconds(input.at),
    judgement: input.judgement,
  })
}

async function store(
  deps: RunnersDeps,
  input: {
    transport: string
    request: RegisterRequest
    keyset: Keyset
    runner: RunnerRow
    origin: string
    session: SessionDocument
    judgement: Judgement
    allowance: { key: Bytes }
    at: UnixMs
  },
): Promise<void> {
  const { request, keyset, runner, session, at } = input
  const { model, capacity, challenge } = request.registration
  const rows = {
    runner,
    session: {
      id: session.id,
      runner: runner.id,
      keyset_digest: request.report.workload_keyset_digest,
      document: JSON.stringify(session.document),
      evidence: JSON.stringify({ report: request.report, challenge }),
      collateral: bundleOf(input.judgement, toSeconds(at)),
      at,
      appraised: at,
      cut: null,
    },
    lease: {
      runner: runner.id,
      session: session.id,
      keyset: JSON.stringify(keyset),
      keyset_digest: request.report.workload_keyset_digest,
      transport: input.transport,
      origin: input.origin,
      context_length: model.context_length,
      max_output_tokens: model.max_output_tokens,
      price_coefficient_bps: model.price_coefficient_bps,
      capacity,
      allowance_key: input.allowance.key,
      expires: unixSeconds(keyset.not_after),
      at,
      capabilities: model.capabilities === undefined ? null : JSON.stringify(model.capabilities),
    },
  }
  const state = await deps.store.register(rows)
  if (state === undefined) {
    throw new ApiError('conflict', 'This machine was registered at the same moment: try again')
  }
  const score = await deps.store.findScore(runner.id)
  const load = deps.directory.find(runner.id)?.load ?? newLoad(at, score)
  load.seen = at
  load.score = reopened(load.score)
  load.capacity = capacity
  const standing = standingOf(input.judgement, toSeconds(at))
  const told = { ...rows, runner: { ...runner, state } }
  deps.directory.put(toLiveRunner(told, { keyset, standing, load, hashes: deps.provider.hashes }))
}
