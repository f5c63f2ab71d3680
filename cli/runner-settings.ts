import { readFileSync } from 'node:fs'
import type { ParseArgsConfig } from 'node:util'
import { ConfigError, type RunnerConfig, readRunnerConfig, SETTINGS } from '#enclave-runner/main.ts'
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
  const known = Object.entries(io.env).filter(([name]) => Object.hasOwn(SETTINGS, name))
  try {
    return readRunnerConfig({
      image: { ...image, ...flagged(values) },
      host: Object.fromEntries(known),
    })
  } catch (error) {
    if (error instanceof ConfigError) throw new UsageError(error.message)
    throw error
  }
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
