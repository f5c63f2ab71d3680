import { type ParseArgsConfig, parseArgs } from 'node:util'
import { UsageError } from './command.ts'

/** Node's `parseArgs`, whose refusals are a matter of usage. @throws UsageError that names the flag */
export function parseArguments<const Config extends ParseArgsConfig>(
  args: readonly string[],
  config: Config,
): ReturnType<typeof parseArgs<Config & { args: string[] }>> {
  try {
    return parseArgs({ ...config, args: [...args] })
  } catch (cause) {
    if (!(cause instanceof TypeError)) throw cause
    // Its second sentence tells how to pass a file whose name begins with a hyphen: noise under a misspelt flag.
    const [what] = cause.message.split('. ')
    throw new UsageError(`${what}; see --help`, { cause })
  }
}
