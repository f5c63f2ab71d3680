import { once } from 'node:events'
import { createServer } from 'node:http'
import { getRequestListener } from '@hono/node-server'
import {
  createCollateralSource,
  DEFAULT_POLICY,
  defaultCollateralSettings,
  NO_COLLATERAL,
  parseSimulation,
} from '#attestation'
import { type Clock, toSeconds } from '#base/brand.ts'
import { hex } from '#base/bytes.ts'
import { diskStore } from '#gateway/node/disk-store.ts'
import {
  createKeyService,
  createPinoLog,
  pinnedImages,
  processDeps,
  readReleasedSettings,
} from '#gateway/node.ts'
import { nodeProvider, signerFromSeed } from '#protocol/node'
import { readSecret } from '../chain/secret.ts'
import { type Command, type CommandIo, EXIT, UsageError } from '../command.ts'
import { parseArguments } from '../parse-arguments.ts'
import { readSecretFile } from '../read-secret-file.ts'
import { parseSettings } from '../runner-settings.ts'
import { cacheFolder } from '../verify/cache-folder.ts'
import { readJsonFile } from '../verify/sources.ts'

const LOOPBACK: ReadonlySet<string> = new Set(['127.0.0.1', '::1', 'localhost'])
const ORIGIN = /^https?:\/\/[^\s/?#@]+$/
const IMAGE = /^[0-9a-f]{64}$/

const USAGE = `cocoon key-service: releases a gateway's keys to a confidential machine that proves what it runs.

  cocoon key-service --gateway ORIGIN --image HASH[,HASH] --keys FILE --signer FILE [--listen HOST] [--port N]

Runs on a machine of your own, not beside the gateway. The gateway (GATEWAY_TEE=on, KEY_SERVICE, KEY_SERVICE_KEY)
asks at each start, with evidence over a challenge of this service; its keys come sealed to that machine alone.

  --gateway ORIGIN   PUBLIC_URL of the one gateway that these keys are for
  --image HASH       image hash of what may have them, as cocoon measure prints it; several by commas
  --keys FILE        KEY=value lines: GATEWAY_SECRET, METER_KEY, GAS_KEY, ADMIN_KEY, METRICS_TOKEN, TON_API_KEY,
                     DATABASE_URL
  --signer FILE      64 hex digits of this service's own key (or KEY_SERVICE_SEED); its public half is printed
  --listen HOST      default 127.0.0.1; what passes is sealed and signed, with or without TLS
  --port N           default 8795; 0 takes a free one
  --simulation FILE  development only, on loopback: accept the simulated machines of this file

Whoever restarts the gateway's machine gets the keys into the same software again: this does not prove that its disk
is not an old one.`

export const keyService: Command = {
  summary: 'release a gateway’s keys to a machine that proves what it runs',
  usage: USAGE,
  run: async (io) => {
    const options = await readOptions(io)
    const { clock, random, fetch } = processDeps()
    const service = createKeyService({
      judge: {
        allowlist: pinnedImages(options.images, clock),
        collateral: createCollateralSource(defaultCollateralSettings(random), {
          fetch,
          clock,
          store: diskStore(cacheFolder(io), clock),
          background: (work) => void work,
        }),
        collateralSettings: defaultCollateralSettings(random),
        ...(await readSimulation(io, options, clock)),
        gpu: { ...DEFAULT_POLICY.gpu, presence: 'optional' },
        clock,
      },
      origin: options.origin,
      keys: options.keys,
      signer: options.signer,
      provider: nodeProvider,
      clock,
      random,
      log: createPinoLog('info'),
    })
    const server = createServer(getRequestListener(service))
    server.listen(options.port, options.host)
    await once(server, 'listening')
    const address = server.address()
    const port = typeof address === 'object' && address !== null ? address.port : options.port
    io.out(`KEY_SERVICE=http://${options.host}:${port}`)
    io.out(`KEY_SERVICE_KEY=${hex(options.signer.publicKey)}`)
    if (!io.stopped.aborted) await once(io.stopped, 'abort')
    server.closeAllConnections()
    server.close()
    return EXIT.ok
  },
}

type Options = Awaited<ReturnType<typeof readOptions>>

async function readOptions(io: CommandIo) {
  const { values } = parseArguments(io.args, {
    options: {
      gateway: { type: 'string', default: '' },
      image: { type: 'string', default: '' },
      keys: { type: 'string' },
      signer: { type: 'string' },
      listen: { type: 'string', default: '127.0.0.1' },
      port: { type: 'string', default: '8795' },
      simulation: { type: 'string' },
    },
  })
  const images = values.image.split(',').map((hash) => hash.trim())
  if (!ORIGIN.test(values.gateway)) throw new UsageError('--gateway ORIGIN is missing')
  if (!images.every((hash) => IMAGE.test(hash))) {
    throw new UsageError('--image takes image hashes of 64 hex digits: see cocoon measure')
  }
  if (values.keys === undefined) throw new UsageError('--keys FILE is missing')
  if (!/^[0-9]{1,5}$/.test(values.port)) throw new UsageError('--port must be a number')
  const source = { file: values.signer, variable: 'KEY_SERVICE_SEED', flag: '--signer' }
  const { secretKey } = await readSecret(io, source)
  return {
    origin: values.gateway,
    images,
    keys: await readKeys(io, values.keys),
    signer: signerFromSeed('key-service', secretKey.slice(0, 32)),
    host: values.listen,
    port: Number(values.port),
    simulation: values.simulation,
  }
}

async function readKeys(io: CommandIo, file: string) {
  try {
    return readReleasedSettings(parseSettings(await readSecretFile(io, file)))
  } catch (error) {
    if (error instanceof RangeError) throw new UsageError(`${file}: ${error.message}`)
    throw error
  }
}

/** Other roots than the vendors' are believed on this machine only (H17). */
async function readSimulation(io: CommandIo, { simulation, host }: Options, clock: Clock) {
  if (simulation === undefined) return { anchors: undefined, givenCollateral: NO_COLLATERAL }
  if (!LOOPBACK.has(host)) throw new UsageError('--simulation is for loopback only')
  const now = toSeconds(clock())
  const { anchors, collateral } = parseSimulation(await readJsonFile(io.cwd, simulation), now)
  return { anchors, givenCollateral: collateral }
}
