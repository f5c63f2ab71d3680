import {
  DEFAULT_POLICY,
  gpuEvidenceDigest,
  NO_COLLATERAL,
  type Verdict,
  verifyEvidence,
} from '#attestation'
import { toSeconds, unixMs } from '#base/brand.ts'
import { base64, fromHex, hex, utf8 } from '#base/bytes.ts'
import type { Json } from '#base/jcs.ts'
import { nano, nanoPerMillion } from '#base/nano.ts'
import { simulationJson } from '#client'
import {
  makeSimulatedTee,
  type SimulatedTee,
  simulatedQuoter,
  simulationOf,
} from '#dev/world/simulated-tee.ts'
import { sessionDocument } from '#gateway/runners/session-document.ts'
import {
  costOf,
  formatSubject,
  gpuNonce,
  type Keyset,
  keysetDigest,
  type Report,
  receiptJson,
  reportData,
  type Signer,
  signReceipt,
} from '#protocol'
import { generateSigner, nodeProvider } from '#protocol/node'

export const MODEL = 'forged-model'
export const WEIGHTS = `sha256:${'5c'.repeat(32)}`
export const PAYEE = `0:${'ab'.repeat(32)}`
export const RUNNER_ID = 'run_0123456789abcdef'
const NONCE = '17'.repeat(32)

/** A runner of a forged world: its documents as files and servers would hold them. */
export interface ForgedRunner {
  readonly tee: SimulatedTee
  readonly keyset: Keyset
  /** Registry name of its image. */
  readonly image: string
  /** What `--simulation` takes. */
  readonly simulation: Json
  report(nonce: string | null): Promise<Report>
  /** What GET /v1/aci/sessions/{id} answers, and its id. */
  session(): Promise<{ readonly session_id: string; readonly document: Json }>
  receipt(changes?: ReceiptChanges): Json
}

export interface ReceiptChanges {
  readonly cost?: bigint
  readonly signer?: Signer
  readonly keysetDigest?: string
}

export const clock = () => unixMs(Date.now())

/** @param machine 0: SEV-SNP, 1: TDX; both with a GPU */
export async function forgeRunner(machine: 0 | 1, seconds = 3_600): Promise<ForgedRunner> {
  const now = toSeconds(clock())
  const tee = await makeSimulatedTee(now)
  const quoter = simulatedQuoter(tee, machine)
  const signer = generateSigner('receipt-1')
  const keys = {
    receipt_signing_keys: [
      { key_id: signer.keyId, algo: 'ed25519', public_key: hex(signer.publicKey) },
    ],
    e2ee_public_keys: [],
  }
  const gpu = await quoter.gpu(gpuNonce(keys))
  const devices = gpu?.devices ?? []
  const digest = await gpuEvidenceDigest(devices)
  const keyset: Keyset = {
    subject: formatSubject({ gpu: digest, model: MODEL, payee: PAYEE, weights: WEIGHTS }),
    not_after: now + seconds,
    ...keys,
    tls_public_keys: [],
  }
  const simulation = await simulationOf(tee)
  const { anchors, collateral } = simulation

  async function report(nonce: string | null): Promise<Report> {
    const data = reportData(keysetDigest(keyset), nonce)
    return {
      api_version: 'aci/1',
      workload_keyset_digest: keysetDigest(keyset),
      attestation: {
        tee_type: quoter.teeType,
        workload_keyset: keyset,
        report_data: hex(data),
        evidence: {
          tee: await quoter.quote(data),
          gpu: {
            arch: gpu?.arch ?? '',
            nonce: hex(gpuNonce(keyset)),
            devices: devices.map(({ evidence, certificate }) => ({
              evidence: base64(evidence),
              certificate: base64(certificate),
            })),
          },
        },
      },
    }
  }

  const image = simulation.images[machine] ?? ''
  return {
    tee,
    keyset,
    image,
    simulation: simulationJson({ anchors, collateral, created: now }),
    report,
    session: async () => {
      const told = await report(NONCE)
      const verdict = await verifyEvidence({
        evidence: told.attestation.evidence,
        collateral,
        now,
        anchors,
        expected: {
          reportData: fromHex(told.attestation.report_data),
          model: undefined,
          gpuNonce: gpuNonce(keyset),
          gpuDigest: digest,
        },
        policy: {
          ...DEFAULT_POLICY,
          models: 'any',
          allowlist: {
            ...DEFAULT_POLICY.allowlist,
            readAt: now,
            images: new Map([[image, { enforcesWeights: false, enforcesGpu: false }]]),
          },
        },
      })
      return sessionOf(told, verdict)
    },
    receipt: (changes = {}) => receiptOf(keyset, signer, changes),
  }
}

function sessionOf(report: Report, verdict: Verdict) {
  if (verdict.status === 'refused') throw new TypeError(`forged evidence: ${verdict.code}`)
  const reportText = JSON.stringify(report)
  const { id, document } = sessionDocument({
    report,
    reportText,
    evidenceDigest: `sha256:${hex(nodeProvider.hashes.sha256(utf8(reportText)))}`,
    runner: RUNNER_ID,
    origin: 'http://127.0.0.1:1',
    challenge: NONCE,
    establishedAt: toSeconds(clock()),
    judgement: { verdict, collateral: NO_COLLATERAL, registryVersion: 1 },
  })
  return { session_id: id, document }
}

function receiptOf(keyset: Keyset, signer: Signer, changes: ReceiptChanges): Json {
  const request = `req_${'0a'.repeat(16)}`
  const price = {
    input: nanoPerMillion(1_000_000n),
    cached: nanoPerMillion(500_000n),
    output: nanoPerMillion(2_000_000n),
  }
  const counts = {
    prompt_tokens: 10,
    cached_tokens: 0,
    completion_tokens: 5,
    reasoning_tokens: 0,
  }
  const cost = changes.cost === undefined ? costOf(counts, price) : nano(changes.cost)
  return receiptJson(
    signReceipt(
      {
        receipt_id: request,
        chat_id: 'chatcmpl-1',
        model: MODEL,
        workload_keyset_digest: changes.keysetDigest ?? keysetDigest(keyset),
        endpoint: '/v1/chat/completions',
        served_at: toSeconds(clock()),
        event_log: [
          { type: 'request.received', body_hash: `sha256:${'00'.repeat(32)}` },
          {
            type: 'usage.metered',
            request,
            attempt: 1,
            ...counts,
            stop_reason: 'normal',
            price,
            cost,
            payee: PAYEE,
          },
        ],
      },
      changes.signer ?? signer,
    ),
  )
}
