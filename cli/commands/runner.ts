import { existsSync, readFileSync } from 'node:fs'
import * as files from 'node:fs/promises'
import { parseArgs } from 'node:util'
import { verifyVoucher } from '#contracts/pure'
import {
  ConfigError,
  gpuTools,
  NO_GPU,
  openNvidia,
  openTsmQuoter,
  processDeps,
  type RunnerConfig,
  readRunnerConfig,
  SETTINGS,
  startRunner,
  TSM_ROOT,
} from '#enclave-runner/main.ts'
import { type Command, type CommandIo, EXIT, UsageError } from '../command.ts'
import { describeSettings } from '../describe-settings.ts'

const USAGE = `cocoon runner: serves a model from inside a confidential VM and earns.

  cocoon runner [--image-settings FILE]

The machine must offer /sys/kernel/config/tsm (SEV-SNP or TDX guest, Linux 6.7 or later); GPUs answer by NVIDIA's
nvattest and nvidia-smi in /usr/bin. Settings come from the measured image's file
(KEY=value lines); the host's environment may set only wallet, gateways and network.

${describeSettings(SETTINGS)}`

/** There while NVIDIA's driver is loaded. */
const NVIDIA_DRIVER = '/proc/driver/nvidia/version'
/** NVIDIA's tools, where the image's packages put them. */
const TOOLS = '/usr/bin'

export const runner: Command = {
  summary: 'run the enclave runner on confidential hardware',
  usage: USAGE,
  run: async (io) => {
    const config = readConfig(io)
    const deps = processDeps()
    const quoter = await openTsmQuoter({
      files,
      root: TSM_ROOT,
      random: deps.random,
      gpus: existsSync(NVIDIA_DRIVER) ? openNvidia(gpuTools(TOOLS)) : NO_GPU,
    })
    const running = await startRunner(config, { ...deps, quoter, verifyVoucher })
    io.out(`runner: ${running.origin}`)
    await new Promise<void>((resolve) => {
      io.stopped.addEventListener('abort', () => resolve(), { once: true })
    })
    await running.close()
    return EXIT.ok
  },
}

function readConfig(io: CommandIo): RunnerConfig {
  const { values } = parseArgs({
    args: [...io.args],
    options: { 'image-settings': { type: 'string' } },
  })
  const file = values['image-settings']
  const image = file === undefined ? {} : parseSettings(readFileSync(file, 'utf8'))
  const known = Object.entries(io.env).filter(([name]) => Object.hasOwn(SETTINGS, name))
  try {
    return readRunnerConfig({ image, host: Object.fromEntries(known) })
  } catch (error) {
    if (error instanceof ConfigError) throw new UsageError(error.message)
    throw error
  }
}

/** `KEY=value` lines; blank lines and `#` comments are skipped. */
function parseSettings(text: string): Readonly<Record<string, string>> {
  const lines = text.split('\n').filter((line) => line.trim() !== '' && !line.startsWith('#'))
  return Object.fromEntries(
    lines.map((line) => {
      const at = line.indexOf('=')
      if (at < 1) throw new UsageError('image settings are KEY=value lines')
      return [line.slice(0, at).trim(), line.slice(at + 1).trim()]
    }),
  )
}
