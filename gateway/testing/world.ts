import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { modelHash } from '#attestation'
import { type Clock, unixMs } from '#base/brand.ts'
import { type Bytes, copyBytes, fromHex } from '#base/bytes.ts'
import { type Nano, nano, nanoPerMillion } from '#base/nano.ts'
import { accountIdOf } from '#contracts/pure'
import { startDevChain } from '#dev/chain/start-dev-chain.ts'
import { deployContracts } from '#dev/world/deploy-contracts.ts'
import { makeSimulatedTee, type SimulatedTee, simulationOf } from '#dev/world/simulated-tee.ts'
import { accountStatement } from '#protocol'
import { generateSigner, nodeProvider, signerFromSeed } from '#protocol/node'
import type { Machine } from '../attest/machine.ts'
import type { GatewayConfig } from '../config.ts'
import { accountId, tonAddress } from '../db/ids.ts'
import { createCore } from '../ledger/core.ts'
import { groupCommit } from '../ledger/group-commit.ts'
import type { Ledger } from '../ledger/port.ts'
import { openSqlite } from '../node/open-sqlite.ts'
import { processDeps, type RunningGateway, readMigrations, startGateway } from '../node.ts'
import { openLanes } from '../postgres/lanes.ts'

export const MODEL = 'test-model'
export const WEIGHTS = `sha256:${'ab'.repeat(32)}`
export const PAYEE = `0:${'22'.repeat(32)}`
export const PRICES = {
  input: nanoPerMillion(1_000_000n),
  cached: nanoPerMillion(500_000n),
  output: nanoPerMillion(2_000_000n),
}
export const COMMISSION_BPS = 1_000
export const ADMIN_KEY = 'an admin key of the tests'
const ROOT = join(import.meta.dirname, '..', '..')

/** A gateway over a real local chain, in this process, and a machine for its runners. */
export interface TestWorld {
  readonly gateway: RunningGateway
  readonly config: GatewayConfig
  readonly tee: SimulatedTee
  /** A second connection to the gateway's ledger. */
  readonly ledger: Ledger
  readonly logged: readonly string[]
  /** Lets seconds pass for the time-outs of requests, which pass in no other way here. */
  elapse(seconds: number): void
  /** Ends the gateway without draining and starts it again on its store. */
  restart(): Promise<RunningGateway>
  /** An account with so much money, as if the Till had shown it. */
  account(funds: bigint): Promise<TestAccount>
  close(): Promise<void>
}

export interface TestAccount {
  readonly id: string
  readonly key: string
  balance(): Promise<{ available: Nano; held: Nano }>
}

type ChainChanges = Partial<GatewayConfig['chain']>

/** @param machines those of another world, when two gateways are to know the same */
export async function startTestWorld(
  {
    chain: chainChanges,
    ...changes
  }: Partial<Omit<GatewayConfig, 'chain'>> & {
    chain?: ChainChanges | ((endpoint: string) => ChainChanges)
  } = {},
  machines?: SimulatedTee,
  /** The machine that the gateway itself runs in. */
  machineOf?: (tee: SimulatedTee) => Machine,
  /** The gateway's own; absent: this machine's. */
  clock?: Clock,
): Promise<TestWorld> {
  const folder = mkdtempSync(join(tmpdir(), 'cocoon-gateway-'))
  const chain = await startDevChain({ port: 0 })
  const tee = machines ?? (await makeSimulatedTee(Math.floor(Date.now() / 1000)))
  const { anchors, collateral, images } = await simulationOf(tee)
  const meterSeed = randomBytes(32)
  const deployed = await deployContracts({
    endpoint: chain.endpoint,
    meterKey: signerFromSeed('meter', meterSeed).publicKey,
    salt: randomBytes(32),
    listings: [
      ...images.map((image) => ({ kind: 'image' as const, hash: fromHex(image) })),
      { kind: 'model', hash: fromHex(await modelHash(MODEL, WEIGHTS)) },
    ],
  })
  const config: GatewayConfig = {
    production: false,
    listen: { host: '127.0.0.1', port: 0 },
    publicUrl: undefined,
    tls: undefined,
    drainSeconds: 10,
    runnerDomain: undefined,
    runnerOriginPorts: [],
    databasePath: join(folder, 'gateway.db'),
    databaseUrl: undefined,
    collateralPath: join(folder, 'collateral'),
    secret: randomBytes(32),
    chain: {
      endpoint: chain.endpoint,
      apiKey: undefined,
      witnesses: [],
      webEndpoints: [],
      registry: tonAddress(deployed.registry),
      till: tonAddress(deployed.till),
      meterSeed,
      gasSeed: undefined,
      network: 'mainnet',
      minCharge: nano(1n),
      minRedeem: nano(1n),
      ...(typeof chainChanges === 'function' ? chainChanges(chain.endpoint) : chainChanges),
    },
    models: [{ id: MODEL, name: 'Test', ...PRICES, demonstration: true }],
    commissionBps: COMMISSION_BPS,
    rates: { ticker: 'TON', usd: undefined, tickers: [] },
    hostProof: 'off',
    maxCoefficientBps: 20_000,
    plaintext: 'allow',
    tee: false,
    gpu: 'required',
    denials: [],
    adminKey: ADMIN_KEY,
    metricsToken: undefined,
    maxBodyBytes: 4 * 1024 * 1024,
    bodyMemory: 512 * 1024 * 1024,
    maxConnections: 10_000,
    accountConcurrency: 1_000,
    accountsPerHour: 0,
    trustedProxies: [],
    queue: { requests: 100, seconds: 30 },
    logLevel: 'info',
    traces: undefined,
    ...changes,
  }
  const logged: string[] = []
  let tick = (): void => {}
  const start = (listen = config.listen): Promise<RunningGateway> =>
    startGateway({
      config: { ...config, listen },
      deps: {
        ...processDeps(),
        ...(clock === undefined ? {} : { clock }),
        everyTick: (_periodMs, each) => {
          tick = each
          return () => {}
        },
        log: (level, message, fields) =>
          logged.push(`${level} ${message} ${JSON.stringify(fields ?? {})}`),
        migrations: readMigrations(
          join(ROOT, 'migrations', config.databaseUrl === undefined ? '' : 'postgres'),
        ),
        openapi: 'openapi: 3.1.0',
        simulation: { anchors, collateral },
        ...(machineOf === undefined ? {} : { machine: machineOf(tee) }),
      },
    })
  let gateway = await start()
  const second = openSecond(config)
  const { ledger } = second
  return {
    get gateway() {
      return gateway
    },
    config,
    tee,
    ledger,
    logged,
    elapse: (seconds) => {
      for (let i = 0; i < seconds; i++) tick()
    },
    restart: async () => {
      const port = Number(new URL(gateway.origin).port)
      await gateway.close(0)
      gateway = await start({ host: '127.0.0.1', port })
      return gateway
    },
    account: (funds) => openAccount(gateway.origin, ledger, funds),
    close: async () => {
      await gateway.close(0)
      await second.close()
      await chain.close()
      rmSync(folder, { recursive: true })
    },
  }
}

function openSecond(config: GatewayConfig): { ledger: Ledger; close(): Promise<void> } {
  if (config.databaseUrl !== undefined) {
    const lanes = openLanes({ url: config.databaseUrl, hosts: 'here' }, () => {})
    return { ledger: lanes, close: () => lanes.close() }
  }
  const store = openSqlite(config.databasePath)
  const ledger = groupCommit(createCore(store, { hosts: 'here' }), setImmediate)
  return { ledger, close: async () => store.close() }
}

let seqno = 1

async function openAccount(origin: string, ledger: Ledger, funds: bigint): Promise<TestAccount> {
  const owner = generateSigner('owner')
  const keys = { owner: null, ownerKey: owner.publicKey, spendKey: null, salt: randomBytes(16) }
  const sha256 = async (bytes: Uint8Array): Promise<Bytes> => nodeProvider.hashes.sha256(bytes)
  const id = await accountIdOf(keys, 'managed', sha256)
  const said = {
    gateway: origin,
    account: id,
    issued_at: Math.floor(Date.now() / 1000),
    nonce: hexOf(randomBytes(16)),
  }
  const response = await fetch(`${origin}/v1/accounts`, {
    method: 'POST',
    body: JSON.stringify({
      keys: { owner_key: hexOf(keys.ownerKey), salt: hexOf(keys.salt) },
      mode: 'managed',
      issued_at: said.issued_at,
      nonce: said.nonce,
      signature: hexOf(owner.sign(accountStatement(said))),
    }),
  })
  // Sound: a 201 of this route has this shape.
  const { key } = (await response.json()) as { key: string }
  await ledger.commit([
    {
      op: 'mirror_account',
      account: accountId(id),
      mode: 'managed',
      credit: nano(funds),
      debit: nano(0n),
      paidOut: nano(0n),
      exitAt: null,
      cap: null,
      seqno: seqno++,
      at: unixMs(Date.now()),
    },
  ])
  return { id, key, balance: () => readBalance(origin, key) }
}

async function readBalance(origin: string, key: string): Promise<{ available: Nano; held: Nano }> {
  const response = await fetch(`${origin}/v1/account`, {
    headers: { authorization: `Bearer ${key}` },
  })
  // Sound: a 200 of this route has this shape.
  const { balance } = (await response.json()) as { balance: { available: string; held: string } }
  return { available: nano(BigInt(balance.available)), held: nano(BigInt(balance.held)) }
}

export function randomBytes(length: number): Bytes {
  return crypto.getRandomValues(new Uint8Array(length))
}

export function hexOf(bytes: Uint8Array): string {
  return Buffer.from(copyBytes(bytes)).toString('hex')
}
