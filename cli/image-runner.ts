import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { verifyVoucher } from '#contracts/pure'
import {
  ConfigError,
  MemoryError,
  processDeps,
  QuoteError,
  readRunnerConfig,
  startRunner,
  stopCoreDumps,
  verifiedWeights,
} from '#enclave-runner/main.ts'
import { openDevices } from './devices.ts'
import { parseSettings, withRawWallet } from './runner-settings.ts'

/**
 * The program of `enclave-runner/image`: what is measured fixes its settings, and the host's words are one file that
 * the host hands to the machine. It reads no argument and no variable but the folder that systemd names.
 */
const IMAGE_SETTINGS = '/etc/cocoon/runner.env'
const HOST_SETTINGS = 'host-settings'

async function main(): Promise<void> {
  const config = readRunnerConfig({
    image: parseSettings(readFileSync(IMAGE_SETTINGS, 'utf8')),
    host: withRawWallet(parseSettings(readHostSettings())),
  })
  const deps = processDeps()
  deps.log('info', 'memory', { ...stopCoreDumps(config.production) })
  const quoter = await openDevices(deps.random)
  const runner = await startRunner(config, {
    ...deps,
    quoter,
    verifyVoucher,
    verifiedWeights: (path) =>
      verifiedWeights(path, read('/proc/cmdline'), read('/proc/self/mounts')),
  })
  for (const signal of ['SIGINT', 'SIGTERM'] as const) {
    process.once(signal, () => void runner.close().then(() => process.exit(0)))
  }
}

function read(path: string): string {
  return readFileSync(path, 'utf8')
}

function readHostSettings(): string {
  const folder = process.env['CREDENTIALS_DIRECTORY']
  if (folder === undefined) throw new Error('CREDENTIALS_DIRECTORY is missing: start by systemd')
  return readFileSync(join(folder, HOST_SETTINGS), 'utf8')
}

function isExplained(error: unknown): error is ConfigError | MemoryError | QuoteError {
  return error instanceof ConfigError || error instanceof MemoryError || error instanceof QuoteError
}

try {
  await main()
} catch (error) {
  // The messages of these name settings and devices, never a value.
  if (!isExplained(error)) throw error
  process.stderr.write(`cocoon runner: ${error.code}: ${error.message}\n`)
  process.exitCode = 1
}
