import { mkdir, rm } from 'node:fs/promises'
import { join } from 'node:path'
import type { ChainReady, ChainSettings } from './chain-process.ts'
import { awaitBalance, deposit, openAccount } from './fund-account.ts'
import type { GatewayReady, GatewaySettings } from './gateway-process.ts'
import { type Part, startPart } from './part.ts'
import { planWorld, type WorldOptions } from './plan-world.ts'
import { requireFreePorts } from './ports.ts'
import type { RunnerReady, RunnerSettings } from './runner-process.ts'
import type { SimulatedTee } from './simulated-tee.ts'
import type { WorkerSettings } from './worker-process.ts'

/** What `.cocoon/dev.json` holds. */
export interface WorldInfo {
  readonly baseUrl: string
  readonly apiKey: string
  readonly accountId: string
  readonly webUrl: string
  readonly chainUrl: string
  readonly tillAddress: string
  readonly registryAddress: string
  readonly models: readonly string[]
  readonly runnerId: string
  readonly runnerOrigin: string
  readonly adminKey: string
  /** Where both runners are paid; raw. */
  readonly hostAddress: string
}

export interface World {
  readonly info: WorldInfo
  readonly tee: SimulatedTee
  /** The host's wallet, raw: where vouchers are redeemed to. */
  readonly payee: string
  readonly gateway: Part<GatewayReady>
  /** The first machine's. */
  readonly runner: Part<RunnerReady>
  /** The second machine's, when there is one. */
  readonly secondRunner: Part<RunnerReady> | undefined
  readonly chain: Part<ChainReady>
  /** The same gateway again after `gateway.kill()`: same file, same port. */
  restartGateway(): Promise<Part<GatewayReady>>
  restartRunner(): Promise<Part<RunnerReady>>
  restartSecondRunner(): Promise<void>
  stop(): Promise<void>
}

const DEFAULT_DEPOSIT_TON = '10'
const REGISTERED_MS_MAX = 60_000

/**
 * Starts every part of the product on this machine and waits until a funded account can use it:
 * 1. the chain; 2. machines that pretend to be confidential; 3. Till and Registry, listing their image and model;
 * 4. the gateway; 5. the runners, until they are registered; 6. an account, topped up from a plain wallet.
 */
export async function startWorld(options: WorldOptions): Promise<World> {
  const progress = options.progress ?? (() => {})
  await requireFreePorts(options.ports)
  await rm(options.folder, { recursive: true, force: true })
  await mkdir(options.folder, { recursive: true, mode: 0o700 })
  const parts: Part<unknown>[] = []
  const begin = async <Settings, Ready>(
    name: string,
    settings: Settings,
    {
      file = name,
      label = name,
      inside,
      output,
    }: {
      file?: string
      label?: string
      inside?: readonly string[] | undefined
      output?: string | undefined
    } = {},
  ): Promise<Part<Ready>> => {
    progress(`starting the ${label}`)
    const module = join(import.meta.dirname, `${file}-process.ts`)
    const part = await startPart<Settings, Ready>({
      name,
      module,
      settings,
      ...(inside === undefined ? {} : { inside }),
      ...(output === undefined ? {} : { output }),
    })
    parts.push(part)
    return part
  }
  const stop = async (): Promise<void> => {
    // Runners first: their last receipts still reach the gateway, and the gateway still reaches the chain.
    const all = parts.splice(0)
    for (const name of ['runner', 'gateway', 'chain']) {
      await Promise.all(all.filter((part) => part.name === name).map((part) => part.stop()))
    }
    await rm(options.folder, { recursive: true, force: true })
  }
  try {
    const chain = await begin<ChainSettings, ChainReady>('chain', { port: options.ports.chain })
    const plan = await planWorld(options, chain.ready.endpoint, progress)
    const beginGateway = (): Promise<Part<GatewayReady>> =>
      options.platform === 'workerd'
        ? begin<WorkerSettings, GatewayReady>(
            'gateway',
            { ...plan.gateway, folder: join(options.folder, 'workerd') },
            { file: 'worker' },
          )
        : begin<GatewaySettings, GatewayReady>('gateway', plan.gateway, {
            output: options.gatewayLog,
          })
    let gateway = await beginGateway()
    const [first, second] = plan.runners
    let runner = await begin<RunnerSettings | undefined, RunnerReady>('runner', first)
    const beginSecond = (settings: RunnerSettings): Promise<Part<RunnerReady>> =>
      begin('runner', settings, { label: 'second runner', inside: options.elsewhere?.inside })
    let secondRunner = second === undefined ? undefined : await beginSecond(second)
    const { origin } = gateway.ready
    const registered = await awaitRunners(origin, plan.runners.length)
    progress('topping up an account on the chain')
    const account = await openAccount({ gateway: origin, mode: 'managed' })
    const amount = options.depositTon ?? DEFAULT_DEPOSIT_TON
    await deposit({ endpoint: chain.ready.endpoint, till: plan.till, account, amount })
    await awaitBalance(origin, account.apiKey, ({ available }) => available > 0n)
    return {
      info: {
        baseUrl: `${origin}/v1`,
        apiKey: account.apiKey,
        accountId: account.owner.id,
        webUrl: origin,
        chainUrl: chain.ready.endpoint,
        tillAddress: plan.till,
        registryAddress: plan.registry,
        models: [plan.model],
        runnerId: registered.id,
        runnerOrigin: registered.origin,
        adminKey: plan.adminKey,
        hostAddress: plan.payee,
      },
      tee: plan.tee,
      payee: plan.payee,
      chain,
      get gateway() {
        return gateway
      },
      get runner() {
        return runner
      },
      get secondRunner() {
        return secondRunner
      },
      restartGateway: async () => {
        await gateway.kill()
        gateway = await beginGateway()
        return gateway
      },
      restartRunner: async () => {
        await runner.kill()
        runner = await begin('runner', first)
        return runner
      },
      restartSecondRunner: async () => {
        await secondRunner?.kill()
        if (second !== undefined) secondRunner = await beginSecond(second)
      },
      stop,
    }
  } catch (error) {
    await stop()
    throw error
  }
}

interface Registered {
  readonly id: string
  readonly origin: string
  readonly available: boolean
  readonly attestation: { readonly technology: string }
}

/** Waits until the gateway has accepted every machine and reaches it. @returns the first machine's runner */
async function awaitRunners(gateway: string, count: number): Promise<Registered> {
  const began = performance.now()
  while (performance.now() - began < REGISTERED_MS_MAX) {
    const response = await fetch(`${gateway}/v1/runners`)
    // Sound: openapi.yaml says so, and a test holds routes and description equal.
    const { data } = (await response.json()) as { data: readonly Registered[] }
    const first = data.find(({ attestation }) => attestation.technology === 'sev-snp')
    const ready = data.filter(({ available }) => available)
    if (ready.length >= count && first !== undefined) return first
    await new Promise((next) => setTimeout(next, 50))
  }
  throw new Error('the simulated runners were not admitted in time')
}

export type { WorldEngine, WorldOptions } from './plan-world.ts'
