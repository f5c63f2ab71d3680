import { mkdtempSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { NO_COLLATERAL, PINNED_ANCHORS } from '#attestation'
import { nano } from '#base/nano.ts'
import type { GatewayConfig } from '../config.ts'
import { tonAddress } from '../db/ids.ts'
import {
  type GatewayDeps,
  processDeps,
  type RunningGateway,
  readMigrations,
  startGateway,
} from '../node.ts'
import { freePort } from '../postgres/testing/server.ts'

const LOCAL = { endpoint: 'http://127.0.0.1:8791' }
const config: GatewayConfig = {
  production: false,
  listen: { host: '127.0.0.1', port: 0 },
  publicUrl: undefined,
  tls: undefined,
  drainSeconds: 10,
  runnerDomain: undefined,
  runnerOriginPorts: [],
  // Nothing is opened before a refusal.
  databasePath: '/nowhere/gateway.db',
  databaseUrl: undefined,
  collateralPath: '/nowhere/collateral',
  secret: new Uint8Array(32),
  chain: {
    ...LOCAL,
    apiKey: undefined,
    witnesses: [],
    webEndpoints: [],
    registry: tonAddress(`0:${'11'.repeat(32)}`),
    till: undefined,
    meterSeed: undefined,
    gasSeed: undefined,
    network: 'mainnet',
    minCharge: nano(1n),
    minRedeem: nano(1n),
  },
  models: [],
  commissionBps: 0,
  rates: { ticker: 'TON', usd: undefined, tickers: [] },
  hostProof: 'off',
  maxCoefficientBps: 20_000,
  plaintext: 'allow',
  tee: false,
  gpu: 'required',
  denials: [],
  adminKey: undefined,
  metricsToken: undefined,
  maxBodyBytes: 1_024,
  bodyMemory: 128 * 1024 * 1024,
  maxConnections: 10_000,
  accountConcurrency: 1_000,
  accountsPerHour: 0,
  trustedProxies: [],
  queue: { requests: 1_000, seconds: 30 },
  logLevel: 'info',
  traces: undefined,
}

const start = (
  changes: Partial<GatewayConfig>,
  deps: Partial<GatewayDeps> = {},
): Promise<RunningGateway> =>
  startGateway({
    config: { ...config, ...changes },
    deps: {
      ...processDeps(),
      log: () => {},
      migrations: [],
      openapi: '',
      simulation: { anchors: { ...PINNED_ANCHORS }, collateral: NO_COLLATERAL },
      ...deps,
    },
  })

describe('a gateway that trusts simulated hardware does not start (H17)', () => {
  const remote = { ...config.chain, endpoint: 'https://toncenter.com/api/v2/jsonRPC' }
  test.each<[string, Partial<GatewayConfig>]>([
    ['in production', { production: true }],
    ['on a real chain', { chain: remote }],
    ['where other machines reach it', { listen: { host: '0.0.0.0', port: 0 } }],
  ])('%s', async (_, changes) => {
    await expect(start(changes)).rejects.toThrow('simulated hardware needs a local chain')
  })
})

test('a database that cannot be written is named, with what to do', async () => {
  await expect(start({})).rejects.toThrow(
    'DATABASE_PATH: /nowhere/gateway.db cannot be opened for writing (ENOENT): give the gateway a file',
  )
})

const migrations = readMigrations(join(import.meta.dirname, '..', '..', 'migrations'))
const newPath = (): string => join(mkdtempSync(join(tmpdir(), 'cocoon-start-')), 'gateway.db')

test('a start that fails once it listens leaves no listener, which would keep the process', async () => {
  const listen = { host: '127.0.0.1', port: await freePort() }
  const random = () => {
    throw new Error('no randomness')
  }
  for (let i = 0; i < 2; i++) {
    const started = start({ databasePath: newPath(), listen }, { migrations, random })
    await expect(started).rejects.toThrow('no randomness')
  }
})

test('a chain that takes each question and answers none keeps no gateway from starting, nor from ending', async () => {
  let asked = 0
  /** Until its caller has enough. */
  const fetch = (_url: unknown, { signal }: RequestInit = {}) => {
    asked++
    return new Promise<Response>((_, reject) => {
      const end = () => reject(new Error('aborted'))
      if (signal?.aborted) end()
      signal?.addEventListener('abort', end)
    })
  }
  const chain = { ...config.chain, till: tonAddress(`0:${'22'.repeat(32)}`) }
  const gateway = await start({ databasePath: newPath(), chain }, { migrations, fetch })
  const health = await globalThis.fetch(`${gateway.origin}/health`)
  expect(health.status).toBe(200)
  const before = asked
  await expect.poll(() => asked, { timeout: 20_000 }).toBeGreaterThan(before)
  await gateway.close(0)
})
