import type { ParseArgsOptionsConfig } from 'node:util'
import type { CommandIo } from '../command.ts'
import { type Verb, verb } from '../verbs.ts'
import { type Action, perform, type SendFlags } from './perform.ts'
import type { Target } from './target.ts'

/**
 * Makes verbs that each send one message to the same contract.
 * @param options flags that every one of them takes: those of `open` and of sending
 * @param open finds the contract
 */
export function sendingTo<Flags, Context extends { readonly target: Target }>(
  options: ParseArgsOptionsConfig,
  open: (io: CommandIo, flags: Flags) => Promise<Context>,
) {
  return <const Options extends ParseArgsOptionsConfig>(
    own: Options,
    make: (
      context: Context,
      flags: { readonly [Name in keyof Options]?: never },
      args: readonly string[],
    ) => Promise<Action>,
    most = 0,
  ): Verb<never> =>
    verb(
      { ...options, ...own },
      async (io, flags, args) => {
        // Sound: the union of both option tables was parsed.
        const given = flags as Flags & SendFlags
        const context = await open(io, given)
        return perform(io, context.target, given, await make(context, flags as never, args))
      },
      most,
    )
}
