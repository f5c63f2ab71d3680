import type { Bytes } from '#base/bytes.ts'
import { fromBase64, hex } from '#base/bytes.ts'
import { isObject } from '#base/members.ts'
import type { RunGpuTool } from './gpu-tools.ts'
import { QuoteError } from './quote-error.ts'
import type { GpuEvidence, Quoter } from './quoter.ts'

export type GpuSource = Pick<Quoter, 'gpu' | 'gpuState'>

/** A machine without GPUs. */
export const NO_GPU: GpuSource = { gpu: async () => null, gpuState: async () => 'none' }

const MAX_DEVICES = 16
const MAX_EVIDENCE_BYTES = 64 * 1024
const ARCHITECTURE = /^[A-Z0-9_]{1,32}$/

/**
 * Evidence of every NVIDIA GPU by `nvattest`, and their state by `nvidia-smi`.
 * @see https://docs.nvidia.com/attestation (NVAT CLI, collect-evidence)
 */
export function openNvidia(run: RunGpuTool): GpuSource {
  return {
    gpu: async (nonce) => readEvidence(await run('nvattest', collectUnder(nonce)), hex(nonce)),
    gpuState: () => readState(run),
  }
}

function collectUnder(nonce: Bytes): readonly string[] {
  return ['collect-evidence', '--device', 'gpu', '--nonce', hex(nonce), '--format', 'json']
}

/** All devices of one machine answer the same nonce and are of one architecture, or there is no evidence. */
function readEvidence(output: string, nonce: string): GpuEvidence {
  const devices = readCollected(output)
  const [first] = devices
  if (first === undefined || devices.length > MAX_DEVICES) {
    throw malformed('nvattest found no GPU, or too many')
  }
  if (devices.some((device) => device.nonce.replace(/^0x/, '').toLowerCase() !== nonce)) {
    throw malformed('a GPU answered another nonce')
  }
  if (!ARCHITECTURE.test(first.arch) || devices.some(({ arch }) => arch !== first.arch)) {
    throw malformed('the GPUs are not of one architecture')
  }
  return { arch: first.arch, devices: devices.map(decodeDevice) }
}

interface Collected {
  readonly arch: string
  readonly nonce: string
  readonly evidence: string
  readonly certificate: string
}

/** `{result_code, evidences: [...]}`; earlier releases print the list alone. */
function readCollected(output: string): readonly Collected[] {
  const answer: unknown = parseJson(output)
  const list = isObject(answer) ? answer['evidences'] : answer
  if (isObject(answer) && answer['result_code'] !== 0) {
    throw new QuoteError('device_failed', 'nvattest collected nothing')
  }
  if (!Array.isArray(list) || !list.every(isCollected)) {
    throw malformed('nvattest printed something else than evidence')
  }
  return list
}

/** Log lines may stand before the document. */
function parseJson(output: string): unknown {
  const start = output.search(/[[{]/)
  try {
    return JSON.parse(output.slice(Math.max(start, 0)))
  } catch (cause) {
    throw new QuoteError('device_malformed', 'nvattest printed no JSON', { cause })
  }
}

function isCollected(value: unknown): value is Collected {
  const names = ['arch', 'nonce', 'evidence', 'certificate']
  return isObject(value) && names.every((name) => typeof value[name] === 'string')
}

function decodeDevice({ evidence, certificate }: Collected): GpuEvidence['devices'][number] {
  const limit = (MAX_EVIDENCE_BYTES * 4) / 3
  if (evidence.length > limit || certificate.length > limit) {
    throw malformed('evidence is too long')
  }
  try {
    return { evidence: fromBase64(evidence), certificate: fromBase64(certificate) }
  } catch (cause) {
    throw new QuoteError('device_malformed', 'evidence is not base64', { cause })
  }
}

/** Confidential mode on, development tools off, and which GPUs: text that is compared, never parsed further. */
async function readState(run: RunGpuTool): Promise<string> {
  const mode = await run('nvidia-smi', ['conf-compute', '-f'])
  const tools = await run('nvidia-smi', ['conf-compute', '-d'])
  if (!/CC status:\s*ON\b/i.test(mode) || !/DevTools Mode:\s*OFF\b/i.test(tools)) {
    throw new QuoteError('gpu_unsafe', 'the GPUs are not in confidential mode, or DevTools are on')
  }
  const ids = await run('nvidia-smi', ['--query-gpu=uuid,pci.bus_id', '--format=csv,noheader'])
  const rows = ids.split('\n').map((row) => row.trim())
  const gpus = rows.filter((row) => row !== '').sort()
  if (gpus.length === 0) throw new QuoteError('gpu_unsafe', 'nvidia-smi lists no GPU')
  return gpus.join('\n')
}

function malformed(message: string): QuoteError {
  return new QuoteError('device_malformed', message)
}
