import { base64, hex } from '#base/bytes.ts'
import type { Json } from '#base/jcs.ts'
import { createTurns } from '#base/turns.ts'
import type { Report } from '#protocol'
import { gpuNonce, offeredVersions, reportData } from '#protocol'
import { QuoteError } from '../quote/quote-error.ts'
import type { GpuEvidence, Quoter } from '../quote/quoter.ts'
import type { Identity } from './identity.ts'

/** Makes attestation reports, one at a time. */
export interface Attestor {
  /**
   * The ACI report of an identity for a caller's nonce. Concurrent calls for one nonce share a quote.
   * @param nonce 64 hex digits
   * @throws QuoteError `busy` when too many wait (M7), `gpu_unsafe` or `gpu_changed` (M9)
   */
  report(identity: Identity, nonce: string): Promise<Report>
  /** The same for this runner itself: whoever floods it with nonces does not keep it from registering. */
  ownReport(identity: Identity, nonce: string): Promise<Report>
  /** The GPUs in the same queue: the devices take one caller at a time. */
  readonly gpus: Pick<Quoter, 'gpu' | 'gpuState'>
}

/** Callers that may wait for the device; a quote takes 5 to 100 ms on real hardware. */
const MAX_WAITING = 64
/** Of these, how many anybody may take. */
const MAX_STRANGERS = 48

export interface ServingFacts {
  readonly model: string
  readonly contextLength: number
  /** What answers say about the engine, so that a demonstration shows here too. */
  readonly engine: string
}

/** @param outdated told of an identity whose GPUs are no longer those that it was attested with */
export function createAttestor(
  quoter: Quoter,
  serving: ServingFacts,
  outdated: (identity: Identity) => void,
): Attestor {
  const turns = createTurns(MAX_WAITING, () => new QuoteError('busy', 'too many quotes wait'))
  const report = (identity: Identity, nonce: string, most: number): Promise<Report> => {
    const make = async (): Promise<Report> => {
      await demandSameGpus(quoter, identity, outdated)
      return makeReport(quoter, serving, identity, nonce)
    }
    return turns.share(`${identity.digest} ${nonce}`, make, most)
  }
  return {
    gpus: {
      gpu: (nonce) => turns.take(() => quoter.gpu(nonce)),
      gpuState: () => turns.take(() => quoter.gpuState()),
    },
    report: (identity, nonce) => report(identity, nonce, MAX_STRANGERS),
    ownReport: (identity, nonce) => report(identity, nonce, MAX_WAITING),
  }
}

/** The names that ACI gives them. */
const ACI_TEE_TYPES = { 'sev-snp': 'sev_snp', tdx: 'tdx' } as const satisfies Record<
  Quoter['teeType'],
  string
>

async function makeReport(
  quoter: Quoter,
  serving: ServingFacts,
  identity: Identity,
  nonce: string,
): Promise<Report> {
  const data = reportData(identity.digest, nonce)
  const tee = await quoter.quote(data)
  const { keyset, gpu } = identity
  return {
    api_version: 'aci/1',
    workload_keyset_digest: identity.digest,
    attestation: {
      tee_type: ACI_TEE_TYPES[quoter.teeType],
      workload_keyset: keyset,
      report_data: hex(data),
      source_provenance: null,
      evidence: { tee, ...(gpu === null ? {} : { gpu: gpuWire(gpu, hex(gpuNonce(keyset))) }) },
    },
    service_capabilities: {
      supported_e2ee_versions: ['ehbp', ...offeredVersions()],
      serving: 'direct',
      model: serving.model,
      context_length: serving.contextLength,
      engine: serving.engine,
    },
  }
}

/** Evidence is as old as the keys: what it says must still be so when a quote vouches for it anew (M9). */
async function demandSameGpus(
  quoter: Quoter,
  identity: Identity,
  outdated: (identity: Identity) => void,
): Promise<void> {
  if ((await quoter.gpuState()) !== identity.gpuState) {
    outdated(identity)
    throw new QuoteError('gpu_changed', 'these are not the GPUs that the keys were attested with')
  }
}

function gpuWire(gpu: GpuEvidence, nonce: string): Json {
  const devices = gpu.devices.map(({ evidence, certificate }) => ({
    evidence: base64(evidence),
    certificate: base64(certificate),
  }))
  return { arch: gpu.arch, nonce, devices }
}
