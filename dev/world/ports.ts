import net from 'node:net'
import { PartError } from './part.ts'

/** Where the world listens, all on loopback. Each default can be moved by the setting named beside it. */
export interface Ports {
  readonly gateway: number
  readonly chain: number
  readonly runner: number
  readonly runnerOrigin: number
  readonly secondRunnerOrigin: number
}

const SETTINGS = {
  gateway: { setting: 'PORT', port: 8787 },
  runner: { setting: 'RUNNER_PORT', port: 8790 },
  chain: { setting: 'CHAIN_PORT', port: 8791 },
  runnerOrigin: { setting: 'RUNNER_ORIGIN_PORT', port: 8792 },
  secondRunnerOrigin: { setting: 'SECOND_RUNNER_ORIGIN_PORT', port: 8794 },
} as const satisfies Record<keyof Ports, { setting: string; port: number }>

const HIGHEST_PORT = 65_535

/** Reads the ports from settings; names every bad one at once. */
export function readPorts(env: Readonly<Record<string, string | undefined>>): Ports {
  const bad: string[] = []
  const read = (part: keyof Ports): number => {
    const { setting, port } = SETTINGS[part]
    const text = env[setting]
    if (text === undefined || text === '') return port
    const value = Number(text)
    if (!Number.isInteger(value) || value < 1 || value > HIGHEST_PORT) bad.push(setting)
    return value
  }
  const ports: Ports = {
    gateway: read('gateway'),
    chain: read('chain'),
    runner: read('runner'),
    runnerOrigin: read('runnerOrigin'),
    secondRunnerOrigin: read('secondRunnerOrigin'),
  }
  if (bad.length > 0) throw new PartError(`not a port number: ${bad.join(', ')}`)
  return ports
}

/** Fails before anything starts when a port is taken, and names the setting that moves it. */
export async function requireFreePorts(ports: Ports): Promise<void> {
  const busy: string[] = []
  for (const [part, { setting }] of Object.entries(SETTINGS)) {
    // Sound: SETTINGS has exactly the keys of Ports.
    const port = ports[part as keyof Ports]
    if (!(await isFree(port))) busy.push(`port ${port} is busy: set ${setting} to a free one`)
  }
  if (busy.length > 0) throw new PartError(busy.join('\n'))
}

function isFree(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const probe = net.createServer()
    probe.once('error', () => resolve(false))
    probe.listen(port, '127.0.0.1', () => probe.close(() => resolve(true)))
  })
}

/** Free ports of the system's choosing, for tests and benches that run several worlds. */
export async function freePorts(): Promise<Ports> {
  const take = (): Promise<{ port: number; close(): Promise<void> }> =>
    new Promise((resolve, reject) => {
      const server = net.createServer()
      server.once('error', reject)
      server.listen(0, '127.0.0.1', () => {
        const address = server.address()
        if (address === null || typeof address === 'string') reject(new PartError('no free port'))
        else
          resolve({
            port: address.port,
            close: () => new Promise((done) => server.close(() => done())),
          })
      })
    })
  // All are held at once, so that they differ.
  const held = await Promise.all(Object.keys(SETTINGS).map(take))
  await Promise.all(held.map(({ close }) => close()))
  const ports = Object.keys(SETTINGS).map((part, i) => [part, held[i]?.port ?? 0])
  // Sound: SETTINGS has exactly the keys of Ports.
  return Object.fromEntries(ports) as Ports
}
