import { type Command, UsageError } from '../command.ts'
import { parseArguments } from '../parse-arguments.ts'

const USAGE = `cocoon dev: the whole product on this machine, a fresh world at each start.

  cocoon dev             the gateway on Node (what npm start does)
  cocoon dev --worker    the gateway on workerd, as Cloudflare runs it (what npm run start:worker does)

Starts a local TON chain, the gateway, two simulated runners (one with an AMD processor, one with an Intel one,
each with a GPU) as separate processes, and a funded account.
Nothing leaves the machine. The hardware is simulated and everything says so.

Settings (environment):
  PORT                       the gateway (default 8787)
  RUNNER_PORT                the first runner; the second dials out and needs none (default 8790)
  CHAIN_PORT                 the local TON chain (default 8791)
  RUNNER_ORIGIN_PORT         the first runner's own origin on the gateway (default 8792)
  SECOND_RUNNER_ORIGIN_PORT  the second runner's (default 8794)
  ENGINE_URL                 an OpenAI-compatible engine (vLLM, llama.cpp, Ollama) in place of the demonstration model
  ENGINE_MODEL               the model name to ask that engine for
  ENGINE_API_KEY             bearer token of that engine, if it wants one`

export const dev: Command = {
  summary: 'start the development world (what npm start does)',
  usage: USAGE,
  run: async (io) => {
    const { values } = parseArguments(io.args, { options: { worker: { type: 'boolean' } } })
    const platform = values.worker === true ? 'workerd' : 'node'
    const { runWorld } = await importWorld()
    const { env, cwd, out, err, stopped } = io
    return runWorld({ env, cwd, out, err, stopped, platform })
  },
}

async function importWorld(): Promise<typeof import('#dev/world/run.ts')> {
  try {
    return await import('#dev/world/run.ts')
  } catch (cause) {
    const isMissing =
      cause instanceof Error && 'code' in cause && cause.code === 'ERR_MODULE_NOT_FOUND'
    if (!isMissing) throw cause
    throw new UsageError(
      'the development world comes with the checkout, not with the package: clone the repository and run npm start',
      { cause },
    )
  }
}
