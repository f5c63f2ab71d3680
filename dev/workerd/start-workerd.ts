import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdir, writeFile } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { join } from 'node:path'
import { bundleWorker } from './bundle-worker.ts'
import { writeAssets } from './write-assets.ts'

const ROOT = join(import.meta.dirname, '..', '..')

export interface WorkerdOptions {
  /** Where the bundle, its configuration and the objects' data are. */
  readonly folder: string
  readonly host: string
  /** The first one is the gateway's own; the others are runners' origins. */
  readonly ports: readonly number[]
  /** Variables and secrets of the Worker. They go to workerd by its environment, never by a file or an argument. */
  readonly env: Readonly<Record<string, string>>
  /** Variables too long for an environment, and no secrets. */
  readonly texts: Readonly<Record<string, string>>
}

export interface RunningWorkerd {
  readonly pid: number
  /** Resolves when the process has ended by itself. */
  readonly ended: Promise<unknown>
  stop(): Promise<void>
}

const CLASSES = {
  LEDGER: 'LedgerObject',
  INDEX: 'IndexObject',
  MARKET: 'MarketObject',
  ROUTE: 'RouteObject',
  CHAIN: 'ChainObject',
  CASHIER: 'CashierObject',
  RESERVES: 'ReservesObject',
} as const

/** Runs the Worker's own bundle on workerd, Cloudflare's open runtime, with its objects on this disk. */
export async function startWorkerd(options: WorkerdOptions): Promise<RunningWorkerd> {
  const { folder, env, texts } = options
  const data = join(folder, 'objects')
  await mkdir(data, { recursive: true, mode: 0o700 })
  await writeAssets(ROOT, join(folder, 'assets'))
  const { code } = await bundleWorker()
  await writeFile(join(folder, 'worker.js'), code)
  for (const [name, text] of Object.entries(texts)) await writeFile(join(folder, name), text)
  const config = join(folder, 'workerd.capnp')
  await writeFile(config, configOf(options, data))
  const child = spawn(binary(), ['serve', config, '--control-fd=3'], {
    stdio: ['ignore', 'inherit', 'inherit', 'pipe'],
    env,
  })
  const ended = once(child, 'exit')
  const stop = async (): Promise<void> => {
    if (child.exitCode !== null || child.signalCode !== null) return
    child.kill('SIGKILL')
    await ended
  }
  // A parent that dies takes its child along.
  const stopWithParent = (): boolean => child.kill('SIGKILL')
  process.once('exit', stopWithParent)
  void ended.then(() => process.off('exit', stopWithParent))
  await Promise.race([listening(child.stdio[3], options.ports.length), ended.then(failed)])
  return { pid: child.pid ?? 0, ended, stop }
}

function failed(): never {
  throw new Error('workerd ended before it served')
}

async function listening(
  control: NodeJS.ReadableStream | { readonly destroyed: boolean } | null | undefined,
  sockets: number,
): Promise<void> {
  if (control === null || control === undefined || !('on' in control))
    throw new TypeError('no pipe')
  let text = ''
  await new Promise<void>((resolve) => {
    control.on('data', (chunk) => {
      text += String(chunk)
      if (text.split('"event":"listen"').length > sockets) resolve()
    })
  })
}

/** The program inside the package for this machine. */
function binary(): string {
  const require = createRequire(import.meta.url)
  // Sound: the package's own entry exports the path as its default.
  const { default: path } = require('workerd') as { readonly default: string }
  return path
}

function configOf({ folder, host, ports, env, texts }: WorkerdOptions, data: string): string {
  const text = (value: string): string => JSON.stringify(value)
  const sockets = ports.map(
    (port, i) =>
      `(name = "s${i}", address = ${text(`${host}:${port}`)}, http = (), service = "gateway")`,
  )
  const classes = Object.entries(CLASSES)
  const spaces = classes.map(
    ([name, className]) =>
      `(className = ${text(className)}, uniqueKey = ${text(`cocoon-${name.toLowerCase()}`)}, enableSql = true)`,
  )
  const bindings = [
    '(name = "ASSETS", service = "assets")',
    ...classes.map(
      ([name, className]) => `(name = ${text(name)}, durableObjectNamespace = ${text(className)})`,
    ),
    ...Object.keys(env).map((name) => `(name = ${text(name)}, fromEnvironment = ${text(name)})`),
    ...Object.keys(texts).map((name) => `(name = ${text(name)}, text = embed ${text(name)})`),
  ]
  return `using Workerd = import "/workerd/workerd.capnp";
const config :Workerd.Config = (
  services = [
    (name = "gateway", worker = .gateway),
    (name = "internet", network = (allow = ["public", "private"], tlsOptions = (trustBrowserCas = true))),
    (name = "assets", disk = (path = ${text(join(folder, 'assets'))})),
    (name = "objects", disk = (path = ${text(data)}, writable = true)),
  ],
  sockets = [
    ${sockets.join(',\n    ')}
  ],
);
const gateway :Workerd.Worker = (
  modules = [(name = "worker.js", esModule = embed "worker.js")],
  compatibilityDate = "2026-06-01",
  compatibilityFlags = ["nodejs_compat", "enable_request_signal"],
  durableObjectNamespaces = [
    ${spaces.join(',\n    ')}
  ],
  durableObjectStorage = (localDisk = "objects"),
  bindings = [
    ${bindings.join(',\n    ')}
  ],
);
`
}
