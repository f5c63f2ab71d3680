import { createHash } from 'node:crypto'
import { type Collateral, imageHash, PINNED_ANCHORS, type TrustAnchors } from '#attestation'
import { type Bytes, base64, copyBytes } from '#base/bytes.ts'
import type { Json } from '#base/jcs.ts'
import type { Quoter } from '#enclave-runner/main.ts'
import { type AmdForge, type AmdForgeData, forgeAmd, openAmdForge } from '../forge/amd.ts'
import { forgeIntel, type IntelForge, type IntelForgeData, openIntelForge } from '../forge/intel.ts'
import {
  forgeNvidia,
  type NvidiaForge,
  type NvidiaForgeData,
  openNvidiaForge,
} from '../forge/nvidia.ts'

/**
 * Confidential machines without hardware: each has a processor of one maker and a GPU of its own, all under roots
 * that are made at this start. What they sign is structurally real; the production verifiers judge it, and only
 * under these roots.
 */
export interface SimulatedTee {
  readonly amd: AmdForge
  readonly intel: IntelForge
  readonly nvidia: NvidiaForge
}

/** The same as plain data, for a runner's process. It holds signing keys: it goes over IPC only. */
export interface SimulatedTeeData {
  readonly amd: AmdForgeData
  readonly intel: IntelForgeData
  readonly nvidia: NvidiaForgeData
}

/** What a verifier needs to judge these machines; nothing in it is secret. */
export interface Simulation {
  readonly anchors: TrustAnchors
  readonly collateral: Collateral
  /** Registry names of the machines' images. */
  readonly images: readonly string[]
}

/** The machines of a world, in order: the first has an AMD processor, the second an Intel one, any further ones AMD's. */
export const SIMULATED_MACHINES = 2

/** Measured registers that the simulated image has on every machine. */
const REGISTERS = {
  measurement: register('SNP launch measurement'),
  mrtd: register('TDX MRTD'),
  rtmr1: register('TDX RTMR1'),
  rtmr2: register('TDX RTMR2'),
} as const

function register(name: string): Bytes {
  return copyBytes(createHash('sha384').update(`cocoon simulated image: ${name}`).digest())
}

export async function makeSimulatedTee(
  nowSeconds: number,
  machines = SIMULATED_MACHINES,
): Promise<SimulatedTee> {
  const random = (length: number) => crypto.getRandomValues(new Uint8Array(length))
  const [amd, intel, nvidia] = await Promise.all([
    forgeAmd({ random, now: nowSeconds }),
    forgeIntel({ random, now: nowSeconds }),
    forgeNvidia({ random, now: nowSeconds, gpus: machines }),
  ])
  return { amd, intel, nvidia }
}

export async function exportSimulatedTee(tee: SimulatedTee): Promise<SimulatedTeeData> {
  const { amd, intel, nvidia } = tee
  return { amd: await amd.export(), intel: await intel.export(), nvidia: await nvidia.export() }
}

export async function openSimulatedTee(data: SimulatedTeeData): Promise<SimulatedTee> {
  return {
    amd: await openAmdForge(data.amd),
    intel: await openIntelForge(data.intel),
    nvidia: await openNvidiaForge(data.nvidia),
  }
}

export async function simulationOf({ amd, intel, nvidia }: SimulatedTee): Promise<Simulation> {
  const collaterals = [amd, intel, nvidia].map((forge) => forge.collateral())
  const { measurement, mrtd, rtmr1, rtmr2 } = REGISTERS
  return {
    anchors: { ...PINNED_ANCHORS, ...nvidia.anchors, sev: [amd.root], intel: [intel.root] },
    collateral: new Map((await Promise.all(collaterals)).flatMap((entries) => [...entries])),
    images: [
      await imageHash({ technology: 'sev-snp', measurement }),
      await imageHash({ technology: 'tdx', mrtd, rtmr1, rtmr2 }),
    ],
  }
}

/** The device of one machine, as its runner meets it. */
export function simulatedQuoter(tee: SimulatedTee, machine = 0): Quoter {
  const hasAmd = machine !== 1
  return {
    teeType: hasAmd ? 'sev-snp' : 'tdx',
    quote: (reportData) =>
      hasAmd
        ? snpEvidence(tee.amd, reportData, chipOf(tee.amd, machine))
        : tdxEvidence(tee.intel, reportData),
    gpu: (nonce) => tee.nvidia.evidence({ nonce, pick: [machine] }),
    gpuState: async () => `simulated GPU ${machine}`,
  }
}

/** Each machine's own chip: the forge's for the first, one that follows from it for others. */
function chipOf({ hwid }: AmdForge, machine: number): Bytes {
  if (machine === 0) return hwid
  return copyBytes(createHash('sha512').update(hwid).update(`machine ${machine}`).digest())
}

async function snpEvidence(amd: AmdForge, reportData: Bytes, hwid: Bytes): Promise<Json> {
  const { measurement } = REGISTERS
  return {
    type: 'sev-snp',
    report: base64(await amd.report({ reportData, measurement, hwid })),
    vek: base64(await amd.vek({ hwid })),
  }
}

async function tdxEvidence(intel: IntelForge, reportData: Bytes): Promise<Json> {
  const { mrtd, rtmr1, rtmr2 } = REGISTERS
  return { type: 'tdx', quote: base64(await intel.quote({ reportData, mrtd, rtmr1, rtmr2 })) }
}
