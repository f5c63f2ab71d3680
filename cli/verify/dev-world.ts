import { dirname, join, resolve } from 'node:path'
import { type CommandIo, UsageError } from '../command.ts'
import type { VerifyOptions } from './options.ts'
import { readJsonFile } from './sources.ts'

const DEV_FILE = '.cocoon/dev.json'
const ROOTS_FILE = 'simulation.json'

/** The flags that name the world which `npm start` runs in this folder: its roots, its chain, its Registry. */
export async function withDevWorld(io: CommandIo, options: VerifyOptions): Promise<VerifyOptions> {
  if (!options.dev) return options
  const file = resolve(io.cwd, DEV_FILE)
  const world = await readJsonFile(io.cwd, file)
  const text = (name: string): string => {
    // Sound: members of unknown JSON, each checked before use.
    const value = (world as Readonly<Record<string, unknown>> | null)?.[name]
    if (typeof value === 'string') return value
    throw new UsageError(`${DEV_FILE} has no ${name}: start the world again with npm start`)
  }
  return {
    ...options,
    simulation: join(dirname(file), ROOTS_FILE),
    endpoints: [text('chainUrl')],
    registry: text('registryAddress'),
  }
}
