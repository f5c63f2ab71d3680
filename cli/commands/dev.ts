import { parseArgs } from 'node:util'
import { type Command, UsageError } from '../command.ts'

const USAGE = `cocoon dev: the whole product on this machine, a fresh world at each start.

  cocoon dev             the gateway on Node (what npm start does)
  cocoon dev --worker    the gateway on workerd, as Cloudflare runs it (what npm run start:worker does)

Starts a local TON chain, the gateway, two simulated runners (one with an AMD processor, one with an Intel one,
each with a GPU) as separate processes, and a funded account.
Nothing leaves the machine. The hardware is simulated and everything says so.

Settings (environment):
  PORT                 the gateway                 8787
  RUNNER_PORT          the runner                  8790
  CHAIN_PORT           the local TON chain         8791
  RUNNER_ORIGIN_PORT   the runner's own origin     8792
  SECOND_RUNNER_PORT and SECOND_RUNNER_ORIGIN_PORT: the second runner   8793, 8794
  ENGINE_URL           any OpenAI-compatible engine (vLLM, llama.cpp, Ollama); unset: the built-in demonstration model
  ENGINE_MODEL         the model name to ask that engine for`

export const dev: Command = {
  summary: 'start the development world (what npm start does)',
  usage: USAGE,
  run: async (io) => {
    const { values } = parseArgs({ args: [...io.args], options: { worker: { type: 'boolean' } } })
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
