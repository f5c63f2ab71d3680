import type { ParseArgsOptionsConfig } from 'node:util'
import { ContractError } from '#contracts'
import { MoneyError } from '#gateway/money/errors.ts'
import { type CommandIo, EXIT, UsageError } from './command.ts'
import { parseArguments } from './parse-arguments.ts'
import { GatewayRefused } from './reach-gateway.ts'

/** One thing that a command with verbs does. */
export interface Verb<Flags> {
  readonly options: ParseArgsOptionsConfig
  /** How many arguments it takes at most, besides its flags. */
  readonly most: number
  readonly run: (io: CommandIo, flags: Flags, args: readonly string[]) => Promise<number>
}

/** Ties a verb to the type of its own flags. */
export function verb<const Options extends ParseArgsOptionsConfig>(
  options: Options,
  run: (
    io: CommandIo,
    flags: { readonly [Name in keyof Options]?: FlagOf<Options[Name]> | undefined },
    args: readonly string[],
  ) => Promise<number>,
  most = 0,
): Verb<never> {
  // Sound: runVerb parses the flags by these very options.
  return { options, most, run: run as Verb<never>['run'] }
}

type FlagOf<Option> = Option extends { readonly type: 'boolean' } ? boolean : string

/** What a chain's failure asks the person at the keyboard to do. */
const REMEDIES: Readonly<Partial<Record<string, string>>> = {
  unavailable: 'the endpoint does not answer: try again, or another --endpoint',
  rate_limited: 'the endpoint refuses more calls: set TON_API_KEY, or try again in a minute',
  bad_answer: 'the endpoint does not speak toncenter’s JSON-RPC: is --endpoint right?',
  refused: 'the address holds another contract: check it',
}

/** Runs the verb that the first argument names. @throws UsageError */
export async function runVerb(
  io: CommandIo,
  verbs: Readonly<Record<string, Verb<never>>>,
): Promise<number> {
  const [name, ...rest] = io.args
  const found = name !== undefined && Object.hasOwn(verbs, name) ? verbs[name] : undefined
  if (found === undefined) {
    const names = Object.keys(verbs).join(', ')
    const said = name === undefined ? '' : `no '${name}' here; `
    throw new UsageError(`${said}say one of: ${names}; see --help`)
  }
  const { options, most } = found
  const { values, positionals } = parseArguments(rest, { options, allowPositionals: true })
  const extra = positionals[most]
  if (extra !== undefined) throw new UsageError(`${name} takes no '${extra}'; see --help`)
  // Sound: `verb` tied the options to the type of the flags.
  return tellFailure(io, () => found.run(io, values as never, positionals))
}

/** A chain or a gateway that fails is told in one line, with what to do; anything else is a bug and says where. @throws UsageError */
export async function tellFailure(io: CommandIo, run: () => Promise<number>): Promise<number> {
  try {
    return await run()
  } catch (error) {
    if (error instanceof GatewayRefused) {
      io.err(error.message)
      return EXIT.failed
    }
    // Every code of a ContractError means: fix the input.
    if (error instanceof ContractError) throw new UsageError(error.message, { cause: error })
    if (!(error instanceof MoneyError)) throw error
    const remedy = REMEDIES[error.code]
    io.err(`${error.code}: ${error.message}${remedy === undefined ? '' : `. ${remedy}`}`)
    return EXIT.failed
  }
}
