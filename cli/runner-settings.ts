import { readFileSync } from 'node:fs'
import type { ParseArgsConfig } from 'node:util'
import { ContractError, payableAddress } from '#contracts/pure'
import {
  ConfigError,
  type RunnerConfig,
  readRunnerConfig,
  runnerEnvironment,
  SETTINGS,
} from '#enclave-runner/main.ts'
import { type CommandIo, UsageError } from './command.ts'

type Flags = NonNullable<ParseArgsConfig['options']>
type Values = Readonly<Record<string, unknown>>

/** Each setting of the runner as a flag, and the file of the image's settings. */
export const RUNNER_FLAGS: Flags = Object.fromEntries([
  ['image-settings', { type: 'string' as const }],
  ...Object.values(SETTINGS).map(({ flag }) => [flag, { type: 'string' as const }] as const),
])

/** Settings that hold secrets: arguments are read by everybody on a machine. */
const NEVER_FLAGS: ReadonlySet<string> = new Set(['ENGINE_API_KEY'])

/**
 * The runner's configuration from its measured side (flags and `--image-settings`, which an image fixes) and from
 * the host's environment, of which only wallet, gateways and network count in production (C3).
 * @throws UsageError that names every bad setting
 */
export function readRunnerSettings(io: CommandIo, values: Values): RunnerConfig {
  const file = values['image-settings']
  const image = typeof file === 'string' ? parseSettings(readSettingsFile(file)) : {}
  try {
    return readRunnerConfig({
      image: withRawWallet({ ...image, ...flagged(values) }),
      host: withRawWallet(runnerEnvironment(io.env)),
    })
  } catch (error) {
    if (error instanceof ConfigError) throw new UsageError(withFlags(error.message))
    throw error
  }
}

/** Settings with the wallet in its raw form, whichever of the forms that wallets show was given. @throws UsageError */
export function withRawWallet(
  settings: Readonly<Record<string, string | undefined>>,
): Readonly<Record<string, string | undefined>> {
  const { WALLET: wallet } = settings
  return wallet ? { ...settings, WALLET: rawWallet(wallet) } : settings
}

/** @throws UsageError */
export function rawWallet(text: string): string {
  try {
    // A test wallet earns on a test network; which network this is, the gateway knows.
    return payableAddress(text, 'testnet')
  } catch (error) {
    if (!(error instanceof ContractError)) throw error
    throw new UsageError(`WALLET: ${error.message}`)
  }
}

/** What is missing, with the flag that says it. */
function withFlags(problems: string): string {
  const described = new Map(Object.entries(SETTINGS).map(([name, row]) => [name, row]))
  return problems.replaceAll(/\b([A-Z_]+) is missing/g, (said, name: string) => {
    const row = described.get(name)
    return row === undefined ? said : `${said} (--${row.flag}: ${row.help})`
  })
}

function flagged(values: Values): Readonly<Record<string, string>> {
  return Object.fromEntries(
    Object.entries(SETTINGS).flatMap(([name, { flag }]) => {
      const value = values[flag]
      if (typeof value !== 'string') return []
      if (NEVER_FLAGS.has(name))
        throw new UsageError(`${name} comes from a file or the environment`)
      return [[name, value]]
    }),
  )
}

function readSettingsFile(file: string): string {
  try {
    return readFileSync(file, 'utf8')
  } catch (cause) {
    throw new UsageError(`cannot read the settings file ${file}`, { cause })
  }
}

/** `KEY=value` lines; blank lines and `#` comments are skipped. */
export function parseSettings(text: string): Readonly<Record<string, string>> {
  const lines = text.split('\n').filter((line) => line.trim() !== '' && !line.startsWith('#'))
  return Object.fromEntries(
    lines.map((line) => {
      const at = line.indexOf('=')
      if (at < 1) throw new UsageError('image settings are KEY=value lines')
      return [line.slice(0, at).trim(), line.slice(at + 1).trim()]
    }),
  )
}
