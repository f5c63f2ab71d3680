import { hex } from '#base/bytes.ts'
import { parseCapabilities } from './capabilities.ts'
import type { CryptoMode, Provider, Signer } from './crypto.ts'
import { ProtocolError } from './errors.ts'
import { canonicalMessage } from './hash.ts'
import { modelId, runnerId, tonAddress } from './ids.ts'
import { type Keyset, keysetDigest, parseKeyset, receiptKeyOf } from './keyset.ts'
import { PURPOSE } from './labels.ts'
import {
  digest,
  exact,
  hexOf,
  integer,
  json,
  list,
  literal,
  nullable,
  open,
  optional,
  type Parsed,
  seconds,
  text,
  union,
} from './parse.ts'
import { verifyDocument } from './receipt.ts'
import { parseSubject } from './subject.ts'

const MAX_URL_CHARACTERS = 2048
const MAX_CAPACITY = 100_000
const origin = text(512, /^https?:\/\/[^\s/?#@]+$/)

/** The ACI report of a runner; `evidence` is the attestation folder's to parse. */
export const parseReport = open({
  api_version: literal('aci/1'),
  workload_keyset_digest: digest,
  attestation: open({
    tee_type: text(32),
    workload_keyset: parseKeyset,
    report_data: hexOf(64),
    source_provenance: optional(json),
    evidence: json,
  }),
  service_capabilities: optional(json),
})

export type Report = Parsed<typeof parseReport>

const direct = exact({ kind: literal('direct'), url: text(MAX_URL_CHARACTERS, /^https?:\/\//) })
const tunnel = exact({ kind: literal('tunnel') })

/** `direct`: the gateway calls this origin. `tunnel`: the runner dials out, see SPEC.md section 9.5. */
const transport = union('kind', { direct, tunnel })

const registration = exact({
  purpose: literal(PURPOSE.register),
  /** The gateway that this registration is for, by its origin. */
  gateway: origin,
  /** The gateway's single-use challenge, also the nonce of the report. */
  challenge: hexOf(32),
  payee: tonAddress,
  transport,
  model: exact({
    id: modelId,
    context_length: integer(1, 100_000_000),
    max_output_tokens: integer(1, 100_000_000),
    /** Host's price as a share of the operator's base price, in basis points. */
    price_coefficient_bps: integer(0, 1_000_000),
    /** Absent: the runner says nothing of it, and is asked everything. */
    capabilities: optional(parseCapabilities),
  }),
  /** Requests at once. */
  capacity: integer(1, MAX_CAPACITY),
  /** Never goes backwards within a keyset. */
  sequence: integer(0, Number.MAX_SAFE_INTEGER),
  keyset_digest: digest,
})

export const parseRegisterRequest = exact({
  report: parseReport,
  registration,
  signature: hexOf(64),
})

export type Registration = Parsed<typeof registration>
export type Transport = Registration['transport']
export type RegisterRequest = Parsed<typeof parseRegisterRequest>

export const parseChallengeAnswer = open({
  challenge: hexOf(32),
  gateway: origin,
  expires_at: seconds,
})
export type ChallengeAnswer = Parsed<typeof parseChallengeAnswer>

const lease = open({ expires_at: seconds, heartbeat_seconds: integer(1, 86_400) })

export const parseRegisterAnswer = open({
  runner_id: runnerId,
  lease,
  session_id: hexOf(32),
  /** Encapsulated key of the allowance context, to the runner's X25519 key. */
  allowance_enc: hexOf(32),
  origin: text(MAX_URL_CHARACTERS),
  till: nullable(open({ address: tonAddress })),
  /** Ed25519 key that signs this gateway's charges and vouchers; null while it has no till. */
  meter_key: nullable(hexOf(32)),
})
export type RegisterAnswer = Parsed<typeof parseRegisterAnswer>

const heartbeat = exact({
  purpose: literal(PURPOSE.heartbeat),
  gateway: origin,
  runner_id: runnerId,
  sequence: integer(0, Number.MAX_SAFE_INTEGER),
  in_flight: integer(0, MAX_CAPACITY),
  capacity: integer(0, MAX_CAPACITY),
  /** Unix seconds by the runner's clock. */
  at: seconds,
})

export const parseHeartbeatRequest = exact({ heartbeat, signature: hexOf(64) })
export type Heartbeat = Parsed<typeof heartbeat>
export type HeartbeatRequest = Parsed<typeof parseHeartbeatRequest>

/** A host voucher: what the Till pays out to `payee` in total, signed by the meter key. */
const voucher = open({
  till: tonAddress,
  payee: tonAddress,
  cumulative: text(20, /^(?:0|[1-9][0-9]{0,18})$/),
  signature: hexOf(64),
})

export const parseHeartbeatAnswer = open({
  lease,
  settlement: open({
    voucher: optional(voucher),
    /** As in the answer to a registration: it may have changed since. Absent from an older gateway. */
    meter_key: optional(nullable(hexOf(32))),
    charges: list(json, { max: 64 }),
  }),
})
export type HeartbeatAnswer = Parsed<typeof parseHeartbeatAnswer>

/** Signs a registration by the receipt key of the keyset that it names. */
export function signRegistration(
  registration: Omit<Registration, 'purpose'>,
  report: Report,
  signer: Signer,
): RegisterRequest {
  const signed = { ...registration, purpose: PURPOSE.register }
  return { report, registration: signed, signature: signature(signed, signer) }
}

export function signHeartbeat(
  heartbeat: Omit<Heartbeat, 'purpose'>,
  signer: Signer,
): HeartbeatRequest {
  const signed = { ...heartbeat, purpose: PURPOSE.heartbeat }
  return { heartbeat: signed, signature: signature(signed, signer) }
}

function signature(document: unknown, signer: Signer): string {
  return hex(signer.sign(canonicalMessage(document)))
}

/**
 * Checks everything of a registration that needs no evidence: it is for this gateway and challenge, signed
 * by the keyset's receipt key, and payee and model are those of the keyset's subject (H7).
 */
export async function verifyRegistration(
  request: RegisterRequest,
  expected: { gateway: string; challenge: string },
  provider: Pick<Provider<CryptoMode>, 'verify'>,
): Promise<{ keyset: Keyset; subject: ReturnType<typeof parseSubject> }> {
  const { registration: said, report } = request
  const keyset = report.attestation.workload_keyset
  const digestNow = keysetDigest(keyset)
  const subject = parseSubject(keyset.subject)
  const mismatch = firstMismatch({
    gateway: [said.gateway, expected.gateway],
    challenge: [said.challenge, expected.challenge],
    keyset_digest: [said.keyset_digest, digestNow],
    workload_keyset_digest: [report.workload_keyset_digest, digestNow],
    payee: [said.payee, subject.payee],
    model: [said.model.id, subject.model],
  })
  if (mismatch !== undefined) {
    throw new ProtocolError('message_invalid', `registration: ${mismatch} differs`)
  }
  await verifyDocument(said, request.signature, firstReceiptKey(keyset), provider)
  return { keyset, subject }
}

/** Verifies a heartbeat's signature under the lease's keyset; sequence and times are the caller's. */
export async function verifyHeartbeat(
  request: HeartbeatRequest,
  keyset: Keyset,
  provider: Pick<Provider<CryptoMode>, 'verify'>,
): Promise<Heartbeat> {
  await verifyDocument(request.heartbeat, request.signature, firstReceiptKey(keyset), provider)
  return request.heartbeat
}

/** The key under which a runner registers, sends heartbeats and opens tunnels. */
export function firstReceiptKey(keyset: Keyset): Uint8Array {
  return receiptKeyOf(keyset, keyset.receipt_signing_keys[0]?.key_id ?? '')
}

function firstMismatch(
  pairs: Readonly<Record<string, readonly [string, string]>>,
): string | undefined {
  return Object.entries(pairs).find(([, [said, expected]]) => said !== expected)?.[0]
}
