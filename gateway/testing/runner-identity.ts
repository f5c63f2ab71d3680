import { gpuEvidenceDigest } from '#attestation'
import { base64, hex } from '#base/bytes.ts'
import { type SimulatedTee, simulatedQuoter } from '#dev/world/simulated-tee.ts'
import {
  formatSubject,
  generateSealingKey,
  gpuNonce,
  type Keyset,
  keysetDigest,
  offeredVersions,
  ReplayGuard,
  type Report,
  reportData,
  type SealingKey,
  SessionTable,
  type Signer,
  type SuiteName,
} from '#protocol'
import { generateSigner, nodeProvider } from '#protocol/node'
import { MODEL, WEIGHTS } from './world.ts'

export interface IdentityChanges {
  /** Which of the world's machines it runs on. */
  readonly machine?: number
  /** Hides its GPU, where the gateway allows that. */
  readonly withoutGpu?: boolean
  /** Of the sealed protocol, as its report lists them. */
  readonly versions?: readonly string[]
}

export interface RunnerIdentity {
  readonly keyset: Keyset
  readonly digest: string
  readonly signer: Signer
  /** To open requests with. */
  readonly keys: {
    readonly sealing: Readonly<Record<SuiteName, SealingKey>>
    readonly guard: ReplayGuard
    readonly sessions: SessionTable
  }
  /** Its evidence over a nonce. */
  report(nonce: string): Promise<Report>
}

/** A runner's keys, and the evidence that its machine gives of them. */
export async function makeIdentity(
  tee: SimulatedTee,
  payee: string,
  changes: IdentityChanges,
): Promise<RunnerIdentity> {
  const sealing = {
    'ehbp-x25519': await generateSealingKey(nodeProvider.suites['ehbp-x25519']),
    'ehbp-mlkem768-x25519': await generateSealingKey(nodeProvider.suites['ehbp-mlkem768-x25519']),
  }
  const signer = generateSigner('receipt-1')
  const guard = new ReplayGuard()
  const keys = { sealing, guard, sessions: new SessionTable(guard) }
  const published = {
    receipt_signing_keys: [
      { key_id: signer.keyId, algo: 'ed25519', public_key: hex(signer.publicKey) },
    ],
    e2ee_public_keys: Object.entries(sealing).map(([algo, { publicKey }]) => ({
      key_id: algo,
      algo,
      public_key: hex(publicKey),
    })),
  }
  const quoter = simulatedQuoter(tee, changes.machine ?? 0)
  const gpu = changes.withoutGpu === true ? null : await quoter.gpu(gpuNonce(published))
  const subject = {
    gpu: gpu === null ? 'none' : await gpuEvidenceDigest(gpu.devices),
    model: MODEL,
    payee,
    weights: WEIGHTS,
  }
  const keyset: Keyset = {
    subject: formatSubject(subject),
    not_after: Math.floor(Date.now() / 1000) + 3_600,
    ...published,
    tls_public_keys: [],
  }
  const digest = keysetDigest(keyset)

  const report = async (nonce: string): Promise<Report> => {
    const data = reportData(digest, nonce)
    const devices = gpu?.devices.map((device) => ({
      evidence: base64(device.evidence),
      certificate: base64(device.certificate),
    }))
    return {
      api_version: 'aci/1',
      workload_keyset_digest: digest,
      service_capabilities: {
        supported_e2ee_versions: [...(changes.versions ?? offeredVersions())],
        serving: 'direct',
      },
      attestation: {
        tee_type: quoter.teeType.replace('-', '_'),
        workload_keyset: keyset,
        report_data: hex(data),
        evidence: {
          tee: await quoter.quote(data),
          ...(gpu === null || devices === undefined
            ? {}
            : { gpu: { arch: gpu.arch, nonce: hex(gpuNonce(keyset)), devices } }),
        },
      },
    }
  }

  return { keyset, digest, signer, keys, report }
}
