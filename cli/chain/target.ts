import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as wait } from 'node:timers/promises'
import { payableAddress } from '#contracts'
import { type TonAddress, tonAddress } from '#gateway/db/ids.ts'
import type { Chain } from '#gateway/money/chain.ts'
import { openJsonRpc } from '#gateway/money/json-rpc.ts'
import { toncenter } from '#gateway/money/toncenter.ts'
import { type CommandIo, UsageError } from '../command.ts'

export type NetworkName = 'mainnet' | 'testnet'

/** Where a command reads and sends. */
export interface Target {
  readonly network: NetworkName
  readonly endpoint: string
  readonly isLocal: boolean
  readonly chain: Chain
  /** Addresses of the world of `npm start`, when that is where we are. */
  readonly world: { readonly till?: TonAddress; readonly registry?: TonAddress }
  /** Milliseconds between two looks at what was sent. */
  readonly lookMs: number
}

/** Flags that say where; every command that touches the chain has them. */
export const TARGET_OPTIONS = {
  endpoint: { type: 'string' },
  network: { type: 'string' },
} as const

export interface TargetFlags {
  readonly endpoint?: string | undefined
  readonly network?: string | undefined
}

export const TARGET_HELP = `  --endpoint NAME|URL  mainnet, testnet, local (the world of npm start), or a toncenter-compatible JSON-RPC URL;
                       default: TON_ENDPOINT, else local
  --network NAME       mainnet or testnet, when --endpoint is a URL (default: TON_NETWORK, else mainnet)`

const LOCAL = 'local'
const PUBLIC: Readonly<Record<NetworkName, string>> = {
  mainnet: 'https://toncenter.com/api/v2/jsonRPC',
  testnet: 'https://testnet.toncenter.com/api/v2/jsonRPC',
}
/** Below toncenter's plans: one call a second without a key, ten with a free one. */
const CALLS_PER_SECOND = { local: 1_000, withKey: 8, withoutKey: 0.9 }
const LOOK_MS = { local: 50, remote: 2_000 }

/** @throws UsageError */
export async function openTarget(io: CommandIo, flags: TargetFlags): Promise<Target> {
  const name = flags.endpoint ?? filled(io.env['TON_ENDPOINT']) ?? LOCAL
  if (name === LOCAL) return localTarget(io)
  const network = networkFor(io, flags)
  const endpoint = isNetwork(name) ? PUBLIC[name] : name
  if (!URL.canParse(endpoint) || !/^https?:/.test(endpoint)) {
    throw new UsageError('--endpoint is mainnet, testnet, local or a URL')
  }
  return targetAt(endpoint, { network, isLocal: isLoopbackUrl(endpoint), world: {} }, io)
}

/** Whose addresses are meant, by the same flags and variables as where to ask. @throws UsageError */
export function networkFor(io: CommandIo, flags: TargetFlags): NetworkName {
  const name = flags.endpoint ?? filled(io.env['TON_ENDPOINT']) ?? ''
  return name === LOCAL
    ? 'mainnet'
    : networkOf(name, flags.network ?? filled(io.env['TON_NETWORK']))
}

function networkOf(name: string, said: string | undefined): NetworkName {
  if (isNetwork(name)) {
    if (said !== undefined && said !== name) {
      throw new UsageError(`--network ${said} contradicts --endpoint ${name}`)
    }
    return name
  }
  if (said === undefined) return 'mainnet'
  if (!isNetwork(said)) throw new UsageError('--network is mainnet or testnet')
  return said
}

async function localTarget(io: CommandIo): Promise<Target> {
  let world: unknown
  try {
    world = JSON.parse(await readFile(join(io.cwd, '.cocoon', 'dev.json'), 'utf8'))
  } catch (cause) {
    throw new UsageError(
      'no world runs here: start one by npm start, or say --endpoint mainnet, testnet or URL',
      { cause },
    )
  }
  // Sound: written by the world of this checkout; what is missing fails where it is used.
  const { chainUrl, tillAddress, registryAddress } = world as Readonly<Record<string, string>>
  const addresses = {
    ...(tillAddress === undefined ? {} : { till: tonAddress(tillAddress) }),
    ...(registryAddress === undefined ? {} : { registry: tonAddress(registryAddress) }),
  }
  return targetAt(chainUrl ?? '', { network: 'mainnet', isLocal: true, world: addresses }, io)
}

function targetAt(
  endpoint: string,
  known: Pick<Target, 'network' | 'isLocal' | 'world'>,
  io: CommandIo,
): Target {
  const apiKey = filled(io.env['TON_API_KEY'])
  const remote = apiKey === undefined ? 'withoutKey' : 'withKey'
  const rpc = openJsonRpc({
    endpoint,
    ...(apiKey === undefined ? {} : { apiKey }),
    fetch,
    wait,
    chance: Math.random,
    callsPerSecond: CALLS_PER_SECOND[known.isLocal ? 'local' : remote],
  })
  const lookMs = LOOK_MS[known.isLocal ? 'local' : 'remote']
  return { ...known, endpoint, chain: toncenter(rpc), lookMs }
}

/**
 * The contract that a command is about: the flag, else the environment, else the world of `npm start`.
 * @throws UsageError
 */
export function contractAddress(
  io: CommandIo,
  target: Target,
  which: { readonly flag: string | undefined; readonly kind: 'till' | 'registry' },
): TonAddress {
  const name = `${which.kind.toUpperCase()}_ADDRESS`
  const text = which.flag ?? filled(io.env[name])
  const local = target.world[which.kind]
  if (text === undefined && local !== undefined) return local
  if (text === undefined) throw new UsageError(`say --${which.kind} ADDRESS, or set ${name}`)
  return addressFlag(`--${which.kind}`, text, target)
}

/** @throws UsageError when money must not be sent there */
export function addressFlag(flag: string, text: string, { network }: Target): TonAddress {
  try {
    return tonAddress(payableAddress(text, network))
  } catch (error) {
    throw new UsageError(`${flag}: ${error instanceof Error ? error.message : 'not an address'}`)
  }
}

function isNetwork(text: string): text is NetworkName {
  return Object.hasOwn(PUBLIC, text)
}

function isLoopbackUrl(url: string): boolean {
  return ['127.0.0.1', 'localhost', '[::1]'].includes(new URL(url).hostname)
}

/** An empty variable is an absent one. */
export function filled(text: string | undefined): string | undefined {
  return text === undefined || text.trim() === '' ? undefined : text.trim()
}
