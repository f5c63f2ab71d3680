import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { QuoteError } from '#enclave-runner/main.ts'
import {
  ConfigError,
  createPinoLog,
  fetchKeys,
  KeyReleaseError,
  type Machine,
  processDeps,
  readGatewayConfig,
  readKeyServiceSettings,
  readMigrations,
  SETTINGS,
  startGateway,
} from '#gateway/node.ts'
import { generateSigner, nodeProvider } from '#protocol/node'
import { openPages } from '#web/node.ts'
import { type Command, EXIT, UsageError } from '../command.ts'
import { describeSettings } from '../describe-settings.ts'
import { openDevices } from '../devices.ts'
import { packageRoot } from '../package-root.ts'
import { untilStopped } from '../until-stopped.ts'

const USAGE = `cocoon gateway: the OpenAI-compatible door, on Node with one SQLite file, or with a PostgreSQL
database that several of them share.

Verifies runners, meters API keys, relays sealed requests and settles by receipts. Settings come from the
environment (see .env.example); every bad one is named at once.

${describeSettings(SETTINGS)}`

export const gateway: Command = {
  summary: 'run the gateway',
  usage: USAGE,
  run: async (io) => {
    if (io.args.length > 0) throw new UsageError('settings come from the environment; see --help')
    const own = processDeps()
    const keyService = await orUsage(async () => readKeyServiceSettings(io.env))
    const machine = io.env['GATEWAY_TEE'] === 'on' ? await openMachine() : undefined
    const released =
      keyService === undefined || machine === undefined
        ? {}
        : await orUsage(() =>
            fetchKeys({
              ...own,
              machine,
              service: keyService,
              origin: keyService.origin,
              provider: nodeProvider,
              makeSigner: () => generateSigner('gateway-release'),
            }),
          )
    const config = await orUsage(async () => readGatewayConfig({ ...io.env, ...released }))
    const root = packageRoot()
    const deps = {
      ...own,
      log: createPinoLog(config.logLevel),
      openapi: readFileSync(join(root, 'openapi.yaml'), 'utf8'),
      pages: await openPages({
        root,
        registry: config.chain.registry,
        endpoints: config.chain.webEndpoints,
        network: config.chain.network,
      }),
      ...(machine === undefined ? {} : { machine }),
      migrations: readMigrations(
        join(root, 'migrations', ...(config.databaseUrl === undefined ? [] : ['postgres'])),
      ),
    }
    const running = await orUsage(() => startGateway({ config, deps }))
    io.out(`gateway: ${running.origin}`)
    await untilStopped(io.stopped)
    await running.close()
    return EXIT.ok
  },
}

/** The machine as a gateway uses it: its processor's evidence. A gateway runs no model and shows no GPU. */
async function openMachine(): Promise<Machine> {
  try {
    const { teeType, quote } = await openDevices((length) =>
      crypto.getRandomValues(new Uint8Array(length)),
    )
    return { teeType, quote }
  } catch (error) {
    if (!(error instanceof QuoteError)) throw error
    throw new UsageError(`GATEWAY_TEE=on, but ${error.message}: see cocoon doctor`)
  }
}

async function orUsage<T>(work: () => Promise<T>): Promise<T> {
  try {
    return await work()
  } catch (error) {
    if (error instanceof ConfigError || error instanceof KeyReleaseError) {
      throw new UsageError(error.message)
    }
    throw error
  }
}
