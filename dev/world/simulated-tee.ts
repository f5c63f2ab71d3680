import { createHash } from 'node:crypto'
import { type Collateral, imageHash, PINNED_ANCHORS, type TrustAnchors } from '#attestation'
import { type Bytes, base64, copyBytes } from '#base/bytes.ts'
import type { Quoter } from '#enclave-runner/main.ts'
import { type AmdForge, type AmdForgeData, forgeAmd, openAmdForge } from '../forge/amd.ts'
import {
  forgeNvidia,
  type NvidiaForge,
  type NvidiaForgeData,
  openNvidiaForge,
} from '../forge/nvidia.ts'

/** The launch measurement that every simulated machine reports; the world's Registry lists its image hash. */
const MEASUREMENT: Bytes = copyBytes(createHash('sha384').update('cocoon simulated image').digest())

/**
 * A confidential machine without hardware: an SEV-SNP processor and a GPU whose makers' roots are made at each
 * start. What it signs is structurally real; the production verifiers judge it, and only under these roots.
 */
export interface SimulatedTee {
  readonly amd: AmdForge
  readonly nvidia: NvidiaForge
}

/** The same as plain data, for the runner's process. It holds signing keys: it goes over IPC only. */
export interface SimulatedTeeData {
  readonly amd: AmdForgeData
  readonly nvidia: NvidiaForgeData
}

export async function makeSimulatedTee(nowSeconds: number): Promise<SimulatedTee> {
  const random = (length: number) => crypto.getRandomValues(new Uint8Array(length))
  const [amd, nvidia] = await Promise.all([
    forgeAmd({ random, now: nowSeconds }),
    forgeNvidia({ random, now: nowSeconds }),
  ])
  return { amd, nvidia }
}

export async function exportSimulatedTee({ amd, nvidia }: SimulatedTee): Promise<SimulatedTeeData> {
  return { amd: await amd.export(), nvidia: await nvidia.export() }
}

export async function openSimulatedTee(data: SimulatedTeeData): Promise<SimulatedTee> {
  return { amd: await openAmdForge(data.amd), nvidia: await openNvidiaForge(data.nvidia) }
}

/** What a verifier needs to judge this machine; nothing in it is secret. */
export async function simulationOf(tee: SimulatedTee): Promise<{
  readonly anchors: TrustAnchors
  readonly collateral: Collateral
  /** Registry name of its image. */
  readonly image: string
}> {
  return {
    anchors: { ...PINNED_ANCHORS, ...tee.nvidia.anchors, sev: [tee.amd.root] },
    collateral: new Map([...(await tee.amd.collateral()), ...(await tee.nvidia.collateral())]),
    image: await imageHash({ technology: 'sev-snp', measurement: MEASUREMENT }),
  }
}

export function simulatedQuoter({ amd, nvidia }: SimulatedTee): Quoter {
  return {
    teeType: 'sev-snp',
    quote: async (reportData) => ({
      type: 'sev-snp',
      report: base64(await amd.report({ reportData, measurement: MEASUREMENT })),
      vek: base64(await amd.vek()),
    }),
    gpu: (nonce) => nvidia.evidence({ nonce }),
  }
}
