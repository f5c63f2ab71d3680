import type { Random, UnixSeconds } from '#base/brand.ts'
import type { ShownCheck } from '#client/documents'
import {
  attestOnce,
  EngineError,
  type OpenedEngine,
  QuoteError,
  type QuoteErrorCode,
  type Quoter,
  type RunnerConfig,
} from '#enclave-runner/main.ts'
import type { Report } from '#protocol'
import { found, type Problem } from './findings.ts'

/** What is done about each way in which a device does not answer. */
const DEVICE_REMEDIES: Readonly<Record<QuoteErrorCode, string>> = {
  device_missing:
    'Run inside an SEV-SNP or TDX guest with Linux 6.7 or later: modprobe sev-guest or tdx-guest, mount configfs, run as root. For a GPU install NVIDIA’s nvattest.',
  device_raced: 'Stop the other process that takes reports, then ask again.',
  device_malformed: 'Update the guest’s kernel and NVIDIA’s tools: the device answers no evidence.',
  device_failed:
    'Look at the tool’s own log (nvidia-smi, nvattest); restart the machine if the driver hangs.',
  gpu_unsafe:
    'On the host: nvidia_gpu_tools.py --set-cc-mode=on --reset-after-cc-mode-switch, then restart the guest. In the guest: nvidia-smi conf-compute -f must say ON.',
  gpu_changed: 'Restart the runner: the GPUs changed while it was attesting.',
  busy: 'Ask again: too many quotes wait.',
}

/** What the machine's own devices answered. */
export interface Examined {
  readonly checks: readonly ShownCheck[]
  /** What a gateway would judge; undefined when the devices gave nothing. */
  readonly attested: { readonly report: Report; readonly nonce: string } | undefined
}

export interface MachineDeps {
  readonly openQuoter: () => Promise<Quoter>
  readonly openEngine: (config: RunnerConfig) => Promise<OpenedEngine>
  readonly random: Random
  readonly now: UnixSeconds
}

/** Engine, TEE device and GPUs, and the report that they make together. */
export async function examineMachine(deps: MachineDeps, config: RunnerConfig): Promise<Examined> {
  const engine = await examineEngine(deps, config)
  const device = await attempt('tee.device', deps.openQuoter)
  if (device.value === undefined) {
    const checks = [engine.check, device.check, ...gpusUnknown('no TEE device: nothing to bind')]
    return { checks, attested: undefined }
  }
  const gpus = await examineGpus(device.value)
  const checks = [engine.check, device.check, ...gpus]
  if (engine.value === undefined || checks.some(({ status }) => status === 'fail')) {
    return { checks, attested: undefined }
  }
  const attested = await attest(deps, config, device.value, engine.value)
  return { checks, attested }
}

async function examineEngine({ openEngine }: MachineDeps, config: RunnerConfig) {
  try {
    const opened = await openEngine(config)
    const { contextLength, fingerprint } = opened.engine
    await opened.engine.close()
    const value = { contextLength, fingerprint, weights: opened.weights }
    return { value, check: found.well('engine.health') }
  } catch (error) {
    if (!(error instanceof EngineError || isSystemError(error))) throw error
    return {
      value: undefined,
      check: found.ill('engine.health', {
        code: error instanceof EngineError ? error.code : 'unreadable',
        detail: 'the engine or its weights cannot be opened',
        remedy: 'Start the engine (or name its weights), and ask its GET /v1/models yourself.',
      }),
    }
  }
}

function isSystemError(error: unknown): error is NodeJS.ErrnoException {
  return error instanceof Error && 'syscall' in error
}

async function examineGpus(quoter: Quoter): Promise<readonly ShownCheck[]> {
  const mode = await attempt('gpu.mode', () => quoter.gpuState())
  if (mode.value === 'none') {
    return gpusUnknown('no NVIDIA driver here: gateways that demand a GPU will refuse this machine')
  }
  const evidence = await attempt('gpu.evidence', () => quoter.gpu(new Uint8Array(32)))
  return [mode.check, evidence.check]
}

function gpusUnknown(reason: string): readonly ShownCheck[] {
  return [found.unknown('gpu.mode', reason), found.unknown('gpu.evidence', reason)]
}

type DeviceCheck = 'tee.device' | 'gpu.mode' | 'gpu.evidence'

/** A device's answer, or why there is none and what to do. */
async function attempt<T>(
  id: DeviceCheck,
  ask: () => Promise<T>,
): Promise<{ readonly value: T | undefined; readonly check: ShownCheck }> {
  try {
    return { value: await ask(), check: found.well(id) }
  } catch (error) {
    if (!(error instanceof QuoteError)) throw error
    return { value: undefined, check: found.ill(id, problemOf(error)) }
  }
}

function problemOf({ code, message }: QuoteError): Problem {
  return { code, detail: message, remedy: DEVICE_REMEDIES[code] }
}

async function attest(
  { random, now }: MachineDeps,
  { payee, model }: RunnerConfig,
  quoter: Quoter,
  engine: {
    readonly contextLength: number
    readonly fingerprint: string
    readonly weights: string
  },
): Promise<Examined['attested']> {
  const { contextLength, fingerprint, weights } = engine
  return attestOnce({
    quoter,
    claims: { payee, model: model.id, weights },
    serving: { model: model.id, contextLength, engine: fingerprint },
    random,
    now,
  })
}
